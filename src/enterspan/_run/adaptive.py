"""How the calls of a program's own functions are recorded, so that it takes at most twice its time.

All of them are recorded at first. A function that is called often and shortly is cut: its wrapper
calls it without us, and counts. One that calls itself deeply is put back altogether, because a
wrapper would use up the stack. How short a span may be to be shown grows with the number of those
that are shown, and with the time that the program has run.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from itertools import repeat
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.callables import Wrapping, is_ours, original_of
from enterspan._forms.options import replaced
from enterspan._forms.recorder import Recorder
from enterspan._model.clock import now_ns
from enterspan._span.begin import begin
from enterspan._span.details import Details
from enterspan._span.end import end_span

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import FrameType

    from enterspan._forms.options import Options
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer

_FREE: Final = 100
"""So many spans of the program's own functions are shown whatever their duration, ..."""
_FREE_EACH: Final = 20
"""... but of each function no more than these."""
_LEAST_NS: Final = 100_000
"""Else nothing shorter is shown, ..."""
_SHOWN_FOR: Final = 100_000
"""... nor what is shorter than this part of the run so far, times the spans that were shown."""
_SHOWN_FOR_INSTALLED: Final = 30_000
"""The same for the functions of a program that was installed, of which none are shown freely."""

_EVERY: Final = 10
"""A function is considered each time it has been called so often."""
_OFTEN: Final = 100
"""So many calls are often; fewer of them where recording takes much time."""
_MUCH: Final = 0.05
"""Recording takes much time from this part of the program's own on."""
_SHORT: Final = ((0.1, 100_000), (0.2, 300_000), (0.35, 1_000_000), (float("inf"), 10_000_000))
"""What is short, in nanoseconds, up to which part of the program's time that recording takes."""

_DEEP: Final = 16
"""So many calls of a function, one inside the other, are deep."""
_CALL_NS: Final = 500
"""What a recorded call takes beside the beginning and the end of its span, about."""
_COUNTED: Final = 10**15

_SUSPENDED: Final = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE
_STEPPED: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Function:
    """A function that is recorded, and what is known of its calls."""

    __slots__ = (
        "_policy",
        "_rest",
        "active",
        "calls",
        "code",
        "gate",
        "is_whole",
        "name",
        "ns",
        "share",
        "wrapper",
    )

    def __init__(self, policy: Policy, share: Share, name: str, code: Any) -> None:
        self._policy = policy
        self.share = share
        """What it is shown with."""
        self.name = name
        self.code = code
        """Its code, if its calls can lie one inside the other; else None."""
        self.calls = 0
        """Those that were recorded, and have ended."""
        self.ns = 0
        """How long they took, without us."""
        self.active = 0
        self.is_whole = True
        """Whether it is recorded."""
        self.wrapper: Any = None
        self._rest: Any = None
        self.gate: Any = partial(policy.recording.__len__)
        """wrapt asks it at each call whether to call us. It is C, and so is what it counts with."""

    @property
    def count(self) -> int:
        """How often it was called, as far as that is known."""
        return self.calls + (0 if self._rest is None else _COUNTED - self._rest.__length_hint__())

    @property
    def is_counted(self) -> bool:
        """Whether it is still known how often it is called."""
        return self.is_whole or self._rest is not None

    def ended(self, ns: int) -> None:
        """One more call has ended."""
        self.calls = calls = self.calls + 1
        if ns > 0:
            self.ns += ns
        if not calls % _EVERY and self.is_whole:
            self._policy.consider(self)

    def cut(self) -> None:
        """Record it no more; its calls are counted."""
        self.is_whole = False
        self._rest = repeat(False, _COUNTED)
        self.gate.__setstate__((self._rest.__next__, (), {}, None))

    def close(self) -> None:
        """Record it no more, and don't count."""
        self.is_whole = False
        self._rest = None
        self.gate.__setstate__((().__len__, (), {}, None))

    def is_deep(self) -> bool:
        """Whether its calls lie one inside the other on this stack: threads don't count."""
        depth = 0
        frame: FrameType | None = sys._getframe()
        while frame is not None and depth < _DEEP:
            depth += frame.f_code is self.code
            frame = frame.f_back
        return depth >= _DEEP - 1  # the call that asks has no frame yet


class Share:
    """The spans of a part of the program that are shown, and what is too short for that."""

    def __init__(self, free: int, shown_for: int, min_duration: float | None) -> None:
        self.shown = 0
        self.free_each = _FREE_EACH if free else 0
        self._free = free
        self._shown_for = shown_for
        self._begun = now_ns()
        self._given = None if min_duration is None else int(min_duration * 1e9)

    def min_ns(self, calls: int) -> int:
        """What is too short, of a function that has been called so often."""
        if self._given is not None:
            return self._given
        shown = self.shown
        if shown < self._free and calls < self.free_each:
            return 0
        return max(_LEAST_NS, (now_ns() - self._begun) * shown // self._shown_for)


class Policy:
    """What is recorded of a program's own functions, and what it costs."""

    def __init__(self, tracer: Tracer, min_duration: float | None) -> None:
        self.recording = tracer.recording
        self.known: dict[Any, Function] = {}
        """The functions by where they are defined: some are made again and again."""
        self.cut: list[Function] = []
        self.spent = 0
        self.put_back: Callable[[Any], bool] = lambda _: False
        """Puts a function in the place of its wrapper; False if that can't be done now."""
        self.own = Share(_FREE, _SHOWN_FOR, min_duration)
        self.installed = Share(0, _SHOWN_FOR_INSTALLED, min_duration)
        self.is_given = min_duration is not None
        """Whether the user has said what is too short to be shown."""
        self._waiting: list[Function] = []
        self._begun = now_ns()

    @property
    def min_ns(self) -> int:
        """What is too short to be shown, by now."""
        shares = [each for each in (self.own, self.installed) if each.shown]
        return 0 if self.is_given else max([each.min_ns(0) for each in shares], default=0)

    def consider(self, function: Function) -> None:
        """Cut a function if it is called often and shortly."""
        if self._waiting:
            self._put_back_waiting()
        own = max(now_ns() - self._begun - self.spent, 1)
        share = self.spent / own
        least = max(_EVERY, function.share.free_each) if share > _MUCH else _OFTEN
        if function.calls < least:
            return
        short = next(ns for most, ns in _SHORT if share <= most)
        if function.ns < short * function.calls:
            self.cut.append(function)
            function.cut()

    def recursed(self, function: Function) -> None:
        """Put back a function that calls itself deeply."""
        if function.is_whole and function.is_deep():
            self.cut.append(function)
            function.close()
            self._waiting.append(function)
            self._put_back_waiting()

    def _put_back_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._waiting += [each for each in waiting if not self.put_back(each.wrapper)]


class AdaptiveWrapping(Wrapping):
    """The wrappers of what a policy decides on."""

    __slots__ = ("_packages", "_policy")

    def __init__(
        self, tracer: Tracer, options: Options, policy: Policy, packages: Collection[str]
    ) -> None:
        super().__init__(tracer, options)
        self._policy = policy
        self._packages = packages

    def wrap(self, target: Any, name: str, path: str) -> Any:
        """Return a wrapper that can be cut."""
        code = getattr(original_of(target), "__code__", None)
        is_awaited = code is not None and code.co_flags & _SUSPENDED
        home = str(getattr(original_of(target), "__module__", None)).partition(".")[0]
        share = self._policy.installed if home in self._packages else self._policy.own
        key = None if code is None else (code.co_filename, code.co_firstlineno, name)
        function = self._policy.known.get(key)
        if function is None:
            function = Function(self._policy, share, name, None if is_awaited else code)
            if key is not None:
                self._policy.known[key] = function
        options = replaced(self._options, entry=_Recorders(function, self._policy))
        one = Wrapping(self.tracer, options, enabled=function.gate)
        function.wrapper = one.wrap(target, name, path)
        return function.wrapper

    def refuses(self, function: Any) -> str | None:
        """Why a function is not recorded unless it is named: each step of a generator costs."""
        if is_traced_inside(function):
            return "it is traced already"
        if original_of(function).__code__.co_flags & _STEPPED:
            return "it is a generator, of which each step would take longer; name it"
        return None


def is_traced_inside(function: Any) -> bool:
    """Whether something that a decorator has made leads to a function that is recorded."""
    for _ in range(_DEEP):
        if type(function) is not FunctionType:
            break
        function = vars(function).get("__wrapped__")
    return is_ours(function)


class _Recorders:
    """Makes the recorders of one function."""

    def __init__(self, function: Function, policy: Policy) -> None:
        self.recorder = partial(AdaptiveRecorder, function=function, policy=policy)


class _Details(Details):
    """What a span begins with, and what recording had cost by then."""

    __slots__ = ("before",)

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before


class AdaptiveRecorder(Recorder):
    """Records the calls of one function as long as they are worth it."""

    __slots__ = ("_function", "_policy")

    def __init__(
        self,
        tracer: Tracer,
        options: Options,
        name: str,
        captured: tuple[str, ...] = (),
        *,
        function: Function,
        policy: Policy,
    ) -> None:
        super().__init__(tracer, options, name, captured)
        self._function = function
        self._policy = policy

    def begin(
        self,
        tracer: Tracer,
        name: str,
        attributes: Any = None,
        details: Any = None,
        current: bool = True,
    ) -> Span | None:
        """Begin the span of a call."""
        began = now_ns()
        function, policy = self._function, self._policy
        if not function.is_whole:
            return None
        details = _Details(policy.spent)
        details.min_duration = function.share.min_ns(function.calls)
        span = begin(tracer, name, attributes, details, current)
        if span is not None and function.code is not None:
            function.active += 1
            if not function.active % _DEEP:
                policy.recursed(function)
        policy.spent += now_ns() - began + _CALL_NS
        return span

    def end(self, span: Any, error: BaseException | None = None) -> None:
        """End it. A failure that the caller handles is no reason to show a short one."""
        ended = now_ns()
        function, policy, details = self._function, self._policy, span._details
        if type(details) is _Details:
            if error is not None and ended - span._start < details.min_duration:
                _pass_on(span, details, error)
            took = ended - span._start - (policy.spent - details.before)
            if ended - span._start >= details.min_duration:
                function.share.shown += 1
        else:
            took = 0
        end_span(span, error, True, ended)
        if function.code is not None:
            function.active -= 1
        policy.spent += now_ns() - ended
        function.ended(took)


_passed: dict[int, int] = {}
"""By the ids of exceptions that have left a short span: the id of that one's parent."""


def _pass_on(span: Any, details: Details, error: BaseException) -> None:
    """Leave an exception to the caller's span, which records it if it leaves that one too."""
    if _passed.pop(id(error), None) == span._span_id:
        return
    if len(_passed) > _OFTEN:
        _passed.clear()  # they were handled
    _passed[id(error)] = span._parent_id
    details.expected = (BaseException,)
