"""Leaves out of the reference what the stubs leave out: definitions marked `# internal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from griffe import Extension

if TYPE_CHECKING:
    from griffe import Class, Object


class PublicOnly(Extension):
    """Takes the members of a class that are marked out of it."""

    def on_class_members(self, *, cls: Class, **_: object) -> None:
        """Look at the source lines of each member."""
        for name, member in list(cls.members.items()):
            if not member.is_alias and is_internal(member):
                cls.del_member(name)


def is_internal(thing: Object) -> bool:
    """Whether a line of the definition's head is marked."""
    for line in thing.lines:
        if line.rstrip().endswith("# internal"):
            return True
        if line.rstrip().endswith((":", '"""')):
            return False
    return False
