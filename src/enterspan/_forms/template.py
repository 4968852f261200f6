"""Functions compiled from text, where one text serves for functions of many signatures.

In a text, "@" stands for a prefix that no parameter of the function has. What it names is found in
the closure of the function: the attributes of a kit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def compile_template(
    text: str, prefix: str, kit: type, file: str, line: int, name: str = "wrapper"
) -> Callable[[Any], Any]:
    """Compile a text to a function that is given a kit and makes the function *name*.

    The text stands in *file* from *line* on: a frame of it, where one is seen, shows that line.
    """
    used = sorted({word for word in dir(kit) if f"@{word}" in text})
    head = "".join([f"    {prefix}{word} = kit.{word}\n" for word in used])
    whole = "def make(kit):\n" + head + text.replace("@", prefix) + f"    return {name}\n"
    blank = "\n" * max(0, line - 2 - len(used))
    scope: dict[str, Any] = {}
    exec(compile(blank + whole, file, "exec"), scope)  # made of names that were checked
    return scope["make"]  # type: ignore[no-any-return]
