"""Compiles functions from templates, which are used for functions of many signatures.

In a template, "@" stands for a prefix that no parameter of the function has. Names with it are in
the closure of the function: they are the attributes of a kit.
"""

from __future__ import annotations

from enterspan._forms.results import PLAIN, kind_of
from enterspan._model.tracebacks import set_traceback, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._forms.recorder import Recorder

GENERATOR: Final = 0x20
COROUTINE: Final = 0x80
AWAITED: Final = 0x100
"""CO_ITERABLE_COROUTINE, the code flag of generators that can be awaited (PEP 492)."""
ASYNC_GENERATOR: Final = 0x200


class Kit:
    """The names that the template of a wrapper uses."""

    __slots__ = ("begin", "end", "fn", "name", "own_recorder", "settle", "start", "tracer")

    kind_of = staticmethod(kind_of)
    set_traceback = staticmethod(set_traceback)
    traceback_of = staticmethod(traceback_of)
    Error = BaseException
    Exhausted = RecursionError
    PLAIN = PLAIN
    str = str
    int = int
    bool = bool
    type = type

    def __init__(self, fn: Any, recorder: Recorder, settle: Any) -> None:
        self.fn = fn
        self.own_recorder = recorder
        self.settle = settle
        self.tracer = recorder.tracer
        self.name = recorder.name
        self.begin = recorder.begin
        self.end = recorder.end
        self.start = recorder.start


class Template:
    """The template for one kind of function, its place in the source, and its kit."""

    __slots__ = ("file", "folding", "kit", "line", "text")

    def __init__(
        self,
        text: str,
        file: str,
        line: int,
        kit: type[Kit],
        folding: Mapping[str, str] | None = None,
    ) -> None:
        self.text = text
        self.file = file
        self.line = line
        self.kit = kit
        self.folding = folding or {}
        """What is inserted into the template of a generator whose items are folded."""


def compile_template(
    text: str, prefix: str, kit: type, file: str, line: int, name: str = "wrapper"
) -> Callable[[Any], Any]:
    """Compile a template to a function that takes a kit and returns the function *name*.

    The code has the positions of the template, in *file* from *line* on, for tracebacks.
    """
    used = sorted({word for word in dir(kit) if f"@{word}" in text})
    head = "".join([f"    {prefix}{word} = kit.{word}\n" for word in used])
    whole = "def make(kit):\n" + head + text.replace("@", prefix) + f"    return {name}\n"
    blank = "\n" * max(0, line - 2 - len(used))
    scope: dict[str, Any] = {}
    exec(compile(blank + whole, file, "exec"), scope)  # made of validated names
    return scope["make"]  # type: ignore[no-any-return]
