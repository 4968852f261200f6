"""What is patched in this process, and for whom: each function once, however many ask for it.

A claim is one instrumentation's wish to have one function traced, with its options. The first
claim of a Tracing counts, so that a call has one span; when it is given up, the next one does. When
none is left, what was there before is put back.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from enterspan._forms.callables import TracedCallable
from enterspan._forms.traced import is_traced
from enterspan.instrument.bodies import copy_of, settle_own, traced_body

if TYPE_CHECKING:
    from types import CodeType

    from enterspan._forms.traced import Options
    from enterspan._span.switchboard import Switchboard
    from enterspan.instrument.holders import Moves


class Claim(NamedTuple):
    """One wish to have a function traced."""

    owner: object
    board: Switchboard
    options: Options


class _Claims:
    """The claims on one thing, in the order in which they were made."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []

    def __bool__(self) -> bool:
        return bool(self._claims)

    def counting(self) -> dict[Switchboard, Options]:
        """The options that count, for each Tracing that wants this traced."""
        chosen: dict[Switchboard, Options] = {}
        for claim in self._claims:
            chosen.setdefault(claim.board, claim.options)
        return chosen

    def add(self, claim: Claim) -> bool:
        """Add one, unless its owner has one already; whether that changes what counts."""
        if any(known.owner is claim.owner for known in self._claims):
            return False
        before = self.counting()
        self._claims.append(claim)
        return self.counting() != before

    def drop(self, owner: object) -> bool:
        """Give up an owner's claim; whether that changes what counts."""
        before = self.counting()
        self._claims = [claim for claim in self._claims if claim.owner is not owner]
        return self.counting() != before


class BodyPatch:
    """A plain function whose body is exchanged in place."""

    def __init__(self, function: FunctionType) -> None:
        self._function = weakref.ref(function)
        self._original: CodeType = function.__code__
        self._current: CodeType = function.__code__
        self.claims = _Claims()

    @property
    def is_alive(self) -> bool:
        """Whether the function still runs what was put there last."""
        function = self._function()
        return function is not None and function.__code__ is self._current

    def update(self) -> None:
        """Let the function run what the claims ask for; what another tool has put there stays."""
        function = self._function()
        if function is None or function.__code__ is not self._current:
            return
        code = self._original
        for board, options in self.claims.counting().items():
            code = traced_body(copy_of(function, code), board, options)
        function.__code__ = self._current = code


class StandIn:
    """Something that is no plain function, and has a wrapper in its place wherever it is held."""

    __slots__ = ("_name", "_original", "claims", "current")

    def __init__(self, original: Any, name: str) -> None:
        self._name = name
        self._original = original
        self.current: Any = original
        self.claims = _Claims()

    def update(self, moves: Moves) -> None:
        """Make what the claims ask for, to be put there."""
        before = self.current
        made = self._original
        for board, options in self.claims.counting().items():
            made = TracedCallable(made, board, options, settle_own)
        self.current = made
        if made is not before:
            moves.add(self._name, before, made)
            _stand_ins.pop(id(before), None)
        if self.claims:
            _stand_ins[id(made)] = self
        while isinstance(before, TracedCallable) and before is not self._original:
            before.retire()  # another tool's wrapper may hold it for good
            before = before.__wrapped__


_bodies: weakref.WeakKeyDictionary[FunctionType, BodyPatch] = weakref.WeakKeyDictionary()
_stand_ins: dict[int, StandIn] = {}


class _Lock:
    """The lock for all of it; a forked child begins with a new one, for nobody else holds it."""

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


def claim_body(function: FunctionType, claim: Claim) -> BodyPatch:
    """Have a function's body traced; raises BodyError or ValueError where it can't be."""
    patch = _bodies.get(function)
    if patch is None or not patch.is_alive:
        patch = BodyPatch(function)
    if patch.claims.add(claim):
        try:
            patch.update()
        except BaseException:
            patch.claims.drop(claim.owner)
            raise
    _bodies[function] = patch
    return patch


def claim_object(value: Any, claim: Claim, moves: Moves, name: str) -> StandIn:
    """Have something else that can be called traced, wherever it is held."""
    stand_in = _stand_ins.get(id(value))
    if stand_in is None or stand_in.current is not value:
        stand_in = StandIn(value, name)
    if stand_in.claims.add(claim):
        try:
            stand_in.update(moves)
        except BaseException:
            stand_in.claims.drop(claim.owner)
            raise
    return stand_in


def release(patch: BodyPatch | StandIn, owner: object, moves: Moves) -> None:
    """Give up an owner's claim."""
    if patch.claims.drop(owner):
        if isinstance(patch, StandIn):
            patch.update(moves)
        else:
            patch.update()


def traces_itself(value: Any, board: Switchboard) -> bool:
    """Whether `@traced` of this Tracing is on a function, or below its other decorators."""
    seen: set[int] = set()
    while id(value) not in seen:
        seen.add(id(value))
        if type(value) is TracedCallable:
            if id(value) not in _stand_ins and value._self_board is board:
                return True
        elif type(value) is FunctionType and is_traced(value):
            for cell in value.__closure__ or ():
                if cell.cell_contents is board:
                    return True
        if type(value) is not FunctionType and type(value) is not TracedCallable:
            return False
        value = vars(value).get("__wrapped__") if type(value) is FunctionType else value.__wrapped__
    return False
