"""What is patched in this process, and for whom: each function once, however many ask for it.

A claim is one instrumentation's wish to have one function traced, with its options. The first
claim of a Tracing counts, so that a call has one span; when it is given up, the next one does. When
none is left, what was there before is put back.
"""

from __future__ import annotations

import os
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from enterspan._forms.callables import instrumented, is_ours, is_traced_by
from enterspan.instrument.holders import Move, Moves

if TYPE_CHECKING:
    from enterspan._forms.traced import Options
    from enterspan._span.switchboard import Switchboard as Tracer


class Claim(NamedTuple):
    """One wish to have a function traced."""

    owner: object
    tracer: Tracer
    options: Options
    name: str
    """Of the spans."""


class _Claims:
    """The claims on one thing, in the order in which they were made."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []

    def __bool__(self) -> bool:
        return bool(self._claims)

    def counting(self) -> list[Claim]:
        """The first claim of each Tracing that wants this traced."""
        chosen: dict[Tracer, Claim] = {}
        for claim in self._claims:
            chosen.setdefault(claim.tracer, claim)
        return list(chosen.values())

    def add(self, claim: Claim) -> bool:
        """Add one, unless its owner has one already; whether that changes what counts."""
        if any(known.owner is claim.owner for known in self._claims):
            return False
        self._claims.append(claim)
        return any(counted is claim for counted in self.counting())

    def drop(self, owner: object) -> bool:
        """Give up an owner's claim; whether that changes what counts."""
        before = self.counting()
        self._claims = [claim for claim in self._claims if claim.owner is not owner]
        return any(claim.owner is owner for claim in before)


class Patch:
    """A callable with a wrapper in its place, wherever it is held."""

    __slots__ = ("_original", "claims", "current", "name")

    def __init__(self, original: Any, name: str) -> None:
        self.name = name
        self._original = original
        self.current: Any = original
        self.claims = _Claims()

    def update(self, moves: Moves, path: str = "") -> None:
        """Make what the claims ask for, to be put there."""
        before = self.current
        made = self._original
        for _, tracer, options, name in self.claims.counting():
            made = instrumented(made, tracer, options, name, path)
        self.current = made
        moves.add(Move(before, made, self.name))
        _patches.pop(id(before), None)
        if self.claims:
            _patches[id(self._original)] = _patches[id(made)] = self
        else:
            _patches.pop(id(self._original), None)
        while before is not self._original:
            before.retire()  # a closure may hold it for good
            before = before.__wrapped__

    def move(self, path: str) -> None:
        """Have the frames of its calls under another path."""
        wrapper = self.current
        while wrapper is not self._original:
            wrapper.move(path)
            wrapper = wrapper.__wrapped__


_patches: dict[int, Patch] = {}
"""By the ids of what is wrapped, and of the wrappers that are in place."""


class _Lock:
    """The lock for all of it; a forked child begins with a new one."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Begin anew."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Take it."""
        self._lock.acquire()

    def __exit__(self, *failure: object) -> None:
        """Give it back."""
        self._lock.release()


patching = _Lock()
"""Held while anything is patched or put back."""


def claim(value: Any, wish: Claim, moves: Moves, name: str, path: str = "") -> Patch:
    """Have a callable traced, wherever it is held."""
    patch = _patches.get(id(value)) or Patch(value, name)
    if patch.claims.add(wish):
        try:
            patch.update(moves, path)
        except BaseException:
            patch.claims.drop(wish.owner)
            raise
    return patch


def release(patch: Patch, owner: object, moves: Moves, path: str = "") -> None:
    """Give up an owner's claim."""
    if patch.claims.drop(owner):
        patch.update(moves, path)


def traces_itself(value: Any, tracer: Tracer) -> bool:
    """Whether `@traced` of this tracer is on a function, or below its other decorators."""
    seen: set[int] = set()
    while id(value) not in seen:
        seen.add(id(value))
        if is_traced_by(value, tracer):
            return True
        if not (type(value) is FunctionType or is_ours(value)):
            return False
        value = vars(value).get("__wrapped__") if type(value) is FunctionType else value.__wrapped__
    return False
