"""What the reference shows of the source: public members only, and examples as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from griffe import Extension

if TYPE_CHECKING:
    from griffe import Class, Object


class PublicOnly(Extension):
    """Takes out members of a class that are marked `# internal`, as the stubs leave them out."""

    def on_class_members(self, *, cls: Class, **_: object) -> None:
        """Look at the source lines of each member."""
        for name, member in list(cls.members.items()):
            if not member.is_alias and is_internal(member):
                cls.del_member(name)

    def on_instance(self, *, obj: Object, **_: object) -> None:
        """Fence the examples of a docstring; Markdown takes `>>>` for three quotations."""
        if obj.docstring is not None:
            obj.docstring.value = with_fences(obj.docstring.value)


def is_internal(thing: Object) -> bool:
    """Whether a line of the definition's head is marked."""
    for line in thing.lines:
        if line.rstrip().endswith("# internal"):
            return True
        if line.rstrip().endswith((":", '"""')):
            return False
    return False


def with_fences(docstring: str) -> str:
    """Put a fence around each paragraph that begins with a prompt, whatever its indentation."""
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(map(fenced, paragraphs))


def fenced(paragraph: str) -> str:
    """A paragraph, as code if it is an example."""
    if not paragraph.lstrip().startswith(">>> "):
        return paragraph
    indent = paragraph[: len(paragraph) - len(paragraph.lstrip(" "))].lstrip("\n")
    return f"{indent}```pycon\n{paragraph}\n{indent}```"
