"""Types in comments, `x = []  # type: list[int]`, which checkers read as annotations."""

import ast
import re
from typing import Final

_COMMENT: Final = re.compile(r"#\s*type:(?!\s*ignore)")


def parsed(text: str) -> ast.Module:
    """The tree of a source text, with annotations where it has such comments.

    Raises SyntaxError.
    """
    if _COMMENT.search(text) is None:
        return ast.parse(text)
    try:
        tree = ast.parse(text, type_comments=True)
    except SyntaxError:  # a comment that only looks like one
        return ast.parse(text)
    made: ast.Module = _Annotated().visit(tree)
    return made


class _Annotated(ast.NodeTransformer):
    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        target = node.targets[0]
        if not isinstance(target, (ast.Name, ast.Attribute)) or len(node.targets) > 1:
            return node
        comment, node.type_comment = node.type_comment, None
        if comment is None or not _is_type(comment):
            return node
        kind = ast.copy_location(ast.Constant(comment), node)
        made = ast.AnnAssign(target, kind, node.value, int(isinstance(target, ast.Name)))
        return ast.copy_location(made, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.generic_visit(node)
        _annotate(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        self.generic_visit(node)
        _annotate(node)
        return node


def _is_type(comment: str) -> bool:
    """Whether a comment can be an annotation; checkers reject a whole stub with one that can't."""
    try:
        ast.parse(comment, mode="eval")
    except SyntaxError:
        return False
    return True


def _annotate(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    given = node.args
    formals = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    arguments = [formal for formal in formals if formal is not None]
    kinds: dict[ast.arg, str | None] = {each: each.type_comment for each in arguments}
    if node.type_comment is not None:
        try:
            signature = ast.parse(node.type_comment, mode="func_type")
        except SyntaxError:
            return
        node.returns = ast.copy_location(ast.Constant(ast.unparse(signature.returns)), node)
        types = [*map(ast.unparse, signature.argtypes)]
        if types != ["..."]:  # the first parameter of a method may be left out
            kinds |= zip(arguments[len(arguments) - len(types) :], types, strict=False)
    for argument, comment in kinds.items():
        kind = comment and comment.strip().removesuffix(",")
        if kind is not None and argument.annotation is None and _is_type(kind):
            argument.annotation = ast.copy_location(ast.Constant(kind), argument)
