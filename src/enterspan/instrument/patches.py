"""The patches of this process: each function is patched once, for any number of instrumentations.

A claim is one instrumentation's request to trace a function, with its options. Only the first claim
of each `Tracing` is effective, so that a call has one span; when it is dropped, the next one is.
Without claims, the original is restored.
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
    """A request to trace functions."""

    owner: object
    wrapping: Wrapping
    name: str = ""
    """The name of the spans, if not that of the patch."""


class Patch:
    """A callable that is replaced by a wrapper wherever it is referenced."""

    __slots__ = ("_claims", "_original", "_span", "current", "module", "name", "owner", "path")

    def __init__(self, original: Any, location: Location, span: str) -> None:
        self._original = original
        self._claims: tuple[Claim, ...] = ()
        self.path = ""
        self._span = span
        self.current: Any = original
        self.module, self.owner, self.name = location.module, location.owner, location.full_name

    def add(self, claims: tuple[Claim], span: str, moves: Moves, path: str) -> None:
        """Add a claim, unless its owner has one already.

        Args:
            claims: the claim alone, as one tuple for all functions.
            span: the name of the spans.
            moves: to which the replacement is added.
            path: the path of the frames of the calls.
        """
        for known in self._claims:
            if known.owner is claims[0].owner:
                return
        if span != self._span:
            claims = (claims[0]._replace(name=span),)
        self._change(self._claims + claims, moves, path)

    def drop(self, owner: object, moves: Moves, path: str) -> None:
        """Drop the claim of an owner."""
        self._change(tuple([c for c in self._claims if c.owner is not owner]), moves, path)

    def _change(self, claims: tuple[Claim, ...], moves: Moves, path: str) -> None:
        """Make a new wrapper if the effective claims have changed."""
        before, known = self.current, self._claims
        made = self._original
        if known and claims and _counting(claims) == _counting(known):
            made = before
        else:
            for claim in _counting(claims):
                made = claim.wrapping.wrap(made, claim.name or self._span, path)
        self._claims = claims
        if made is before:
            return
        self.current, self.path = made, path
        moves.add(Move(before, made, self.name))
        _patches.pop(id(before), None)
        if claims:
            _patches[id(self._original)] = _patches[id(made)] = self
        else:
            _patches.pop(id(self._original), None)
        while before is not self._original:
            before.retire()  # a closure may keep it forever
            before = inside(before)

    def move(self, path: str) -> None:
        """Change the path of the frames of its calls."""
        wrapper = self.current
        while wrapper is not self._original:
            wrapper.move(path)
            wrapper = inside(wrapper)
        self.path = path


_patches: dict[int, Patch] = {}
"""By the ids of wrapped callables, and of their current wrappers."""


class _Lock:
    """The lock for patching, which is replaced in a forked child."""

    def __init__(self) -> None:
        self.renew()
        process.at_fork(in_child=self.renew)

    def renew(self) -> None:
        """Replace the lock."""
        self._lock = threading.RLock()

    def acquire(self) -> bool:
        """Acquire it; False if another thread has it."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Release it."""
        self._lock.release()

    def __enter__(self) -> None:
        """Acquire it."""
        self._lock.acquire()

    def __exit__(self, *failure: object) -> None:
        """Release it."""
        self._lock.release()


patching = _Lock()
"""Held while anything is patched or restored."""


def patch_of(value: Any, location: Location, span: str) -> Patch:
    """The patch of a callable, which may already be replaced by a wrapper."""
    return _patches.get(id(value)) or Patch(value, location, span)


def _counting(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The effective claims: the first of each `Tracing`."""
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
