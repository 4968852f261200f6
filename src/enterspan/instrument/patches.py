"""What is patched in this process, and for whom: each function once, however many ask for it.

A claim is one instrumentation's wish to have one function traced, with its options. The first
claim of a Tracing counts, so that a call has one span; when it is given up, the next one does. When
none is left, what was there before is put back.
"""

from __future__ import annotations

import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from enterspan._forms.callables import Wrapping, inside, is_ours, is_traced_by
from enterspan._pipeline import process
from enterspan.instrument.holders import Move, Moves

if TYPE_CHECKING:
    from enterspan._span.tracer import Tracer
    from enterspan.instrument.targets import Location


class Claim(NamedTuple):
    """One wish to have a function traced."""

    owner: object
    wrapping: Wrapping
    name: str
    """Of the spans."""


class Patch:
    """A callable with a wrapper in its place, wherever it is held."""

    __slots__ = ("_claims", "_original", "current", "module", "name", "owner")

    def __init__(self, original: Any, location: Location) -> None:
        self._original = original
        self._claims: tuple[Claim, ...] = ()
        self.current: Any = original
        self.module, self.owner, self.name = location.module, location.owner, location.full_name

    def add(self, claim: Claim, moves: Moves, path: str) -> None:
        """Add a claim, unless its owner has one already."""
        for known in self._claims:
            if known.owner is claim.owner:
                return
        self._change((*self._claims, claim), moves, path)

    def drop(self, owner: object, moves: Moves, path: str) -> None:
        """Give up the claim of an owner."""
        self._change(tuple([c for c in self._claims if c.owner is not owner]), moves, path)

    def _change(self, claims: tuple[Claim, ...], moves: Moves, path: str) -> None:
        """Make what the claims ask for, to be put there, if other ones count than before."""
        counting = _counting(claims)
        before = self.current
        made = self._original
        if self._claims and counting == _counting(self._claims):
            made = before
        else:
            for claim in counting:
                made = claim.wrapping.wrap(made, claim.name, path)
        self._claims = claims
        if made is before:
            return
        self.current = made
        moves.add(Move(before, made, self.name))
        _patches.pop(id(before), None)
        if claims:
            _patches[id(self._original)] = _patches[id(made)] = self
        else:
            _patches.pop(id(self._original), None)
        while before is not self._original:
            before.retire()  # a closure may hold it for good
            before = inside(before)

    def move(self, path: str) -> None:
        """Have the frames of its calls under another path."""
        wrapper = self.current
        while wrapper is not self._original:
            wrapper.move(path)
            wrapper = inside(wrapper)


_patches: dict[int, Patch] = {}
"""By the ids of what is wrapped, and of the wrappers that are in place."""


class _Lock:
    """The lock for all of it; a forked child begins with a new one."""

    def __init__(self) -> None:
        self.renew()
        process.at_fork(in_child=self.renew)

    def renew(self) -> None:
        """Begin anew."""
        self._lock = threading.RLock()

    def acquire(self) -> bool:
        """Take it unless another thread has it."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> None:
        """Take it."""
        self._lock.acquire()

    def __exit__(self, *failure: object) -> None:
        """Give it back."""
        self._lock.release()


patching = _Lock()
"""Held while anything is patched or put back."""


def patch_of(value: Any, location: Location) -> Patch:
    """The patch of a callable, which may have a wrapper in its place already."""
    return _patches.get(id(value)) or Patch(value, location)


def _counting(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The first claim of each Tracing, which counts."""
    if len(claims) < 2:
        return claims
    counting: dict[Tracer, Claim] = {}
    for claim in claims:
        counting.setdefault(claim.wrapping.tracer, claim)
    return tuple(counting.values())


def traces_itself(value: Any, tracer: Tracer) -> bool:
    """Whether `@traced` of this tracer is on a function, or below its other decorators."""
    seen: set[int] = set()
    while id(value) not in seen:
        if type(value) is FunctionType:
            if value.__closure__ is None:
                return False
            wrapped = vars(value).get("__wrapped__")
        elif is_ours(value):
            wrapped = inside(value)
        else:
            return False
        if is_traced_by(value, tracer):
            return True
        seen.add(id(value))
        value = wrapped
    return False
