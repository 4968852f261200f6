"""Adaptive recording of a program's own functions, so that a run takes at most twice its time.

At first, all calls are recorded. A function with many short calls is cut: its wrapper only counts
and calls it. A deeply recursive function is restored, because a wrapper would use up the stack. The
minimum duration of shown spans grows with their number, and with the time that the program has run.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from itertools import repeat
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.callables import Wrapping, is_ours, original_of
from enterspan._forms.options import with_entry
from enterspan._forms.recorder import Recorder
from enterspan._model.clock import nanoseconds, now_ns
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
"""How many spans of the program's own functions are shown whatever their duration, ..."""
_FREE_EACH: Final = 20
"""... but at most this many of each function."""
_LEAST_NS: Final = 100_000
"""Otherwise, shorter spans are not shown, ..."""
_SHOWN_FOR: Final = 100_000
"""... or spans shorter than this part of the run so far, times the number of shown spans."""
_SHOWN_FOR_INSTALLED: Final = 30_000
"""The same for an installed program, of which no spans are shown regardless."""

_EVERY: Final = 10
"""A function is reconsidered after each this many calls."""
_OFTEN: Final = 100
"""How many calls are many; fewer if recording takes much time, or the program is installed."""
_MUCH: Final = 0.05
"""From this part of the program's time on, recording takes much time."""
_SHORT: Final = ((0.1, 100_000), (0.2, 300_000), (0.35, 1_000_000), (float("inf"), 10_000_000))
"""What counts as short, in nanoseconds, by the part of the program's time that recording takes."""

_DEEP: Final = 16
"""The number of nested calls of a function that count as deep."""
_CALL_NS: Final = 500
"""The approximate cost of a recorded call beside the begin and end of its span."""
_COUNTED: Final = 10**15

_SUSPENDED: Final = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE
_STEPPED: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Function:
    """A recorded function, and the statistics of its calls."""

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
        """The share of the program that it belongs to."""
        self.name = name
        self.code = code
        """Its code, if its calls can nest; else None."""
        self.calls = 0
        """The number of recorded calls that have ended."""
        self.ns = 0
        """Their total duration, without the overhead."""
        self.active = 0
        self.is_whole = True
        """Whether its calls are recorded."""
        self.wrapper: Any = None
        self._rest: Any = None
        self.gate: Any = partial(policy.recording.__len__)
        """wrapt tests it at each call to decide whether to call the wrapper. It counts in C
        code."""

    @property
    def count(self) -> int:
        """How often it was called, as far as known."""
        return self.calls + (0 if self._rest is None else _COUNTED - self._rest.__length_hint__())

    @property
    def is_counted(self) -> bool:
        """Whether its calls are still counted."""
        return self.is_whole or self._rest is not None

    def ended(self, ns: int) -> None:
        """Count a call that has ended."""
        self.calls = calls = self.calls + 1
        if ns > 0:
            self.ns += ns
        if not calls % _EVERY and self.is_whole:
            self._policy.consider(self)

    def cut(self) -> None:
        """Stop recording it, and count its calls."""
        self.is_whole = False
        self._rest = repeat(False, _COUNTED)
        self.gate.__setstate__((self._rest.__next__, (), {}, None))

    def close(self) -> None:
        """Stop recording and counting it."""
        self.is_whole = False
        self._rest = None
        self.gate.__setstate__((().__len__, (), {}, None))

    def is_deep(self) -> bool:
        """Whether its calls are nested deeply on this thread's stack."""
        depth = 0
        frame: FrameType | None = sys._getframe()
        while frame is not None and depth < _DEEP:
            depth += frame.f_code is self.code
            frame = frame.f_back
        return depth >= _DEEP - 1  # the current call has no frame yet


class Share:
    """The shown spans of a part of the program, and their minimum duration."""

    def __init__(self, free: int, shown_for: int, min_duration: float | None) -> None:
        self.shown = 0
        self.free_each = _FREE_EACH if free else 0
        self._free = free
        self._shown_for = shown_for
        self._begun = now_ns()
        self._given = None if min_duration is None else nanoseconds(min_duration)

    def min_ns(self, calls: int) -> int:
        """The minimum duration for a function with this many calls."""
        if self._given is not None:
            return self._given
        shown = self.shown
        if shown < self._free and calls < self.free_each:
            return 0
        return max(_LEAST_NS, (now_ns() - self._begun) * shown // self._shown_for)


class Policy:
    """Decides what is recorded of a program's own functions, by its cost."""

    def __init__(self, tracer: Tracer, min_duration: float | None) -> None:
        self.recording = tracer.recording
        self.known: dict[Any, Function] = {}
        """The functions by their definition: some are created repeatedly."""
        self.cut: list[Function] = []
        self.spent = 0
        self.put_back: Callable[[Any], bool] = lambda _: False
        """Restores a function in place of its wrapper; False if that is impossible now."""
        self.own = Share(_FREE, _SHOWN_FOR, min_duration)
        self.installed = Share(0, _SHOWN_FOR_INSTALLED, min_duration)
        self.shares: dict[str, Share] = {}
        """By span name; the program's own functions take precedence."""
        self.is_given = min_duration is not None
        """Whether the user has set the minimum duration."""
        self._waiting: list[Function] = []
        self._begun = now_ns()

    @property
    def min_ns(self) -> int:
        """The current minimum duration of shown spans."""
        shares = [each for each in (self.own, self.installed) if each.shown]
        return 0 if self.is_given else max([each.min_ns(0) for each in shares], default=0)

    def consider(self, function: Function) -> None:
        """Cut a function with many short calls."""
        if self._waiting:
            self._put_back_waiting()
        share = self.spent / max(now_ns() - self._begun - self.spent, 1)
        own = function.share is self.own
        least = _OFTEN if own and share <= _MUCH else max(_EVERY, function.share.free_each)
        if function.calls < least:
            return
        short = next(ns for most, ns in _SHORT if share <= most)
        if function.ns < short * function.calls:
            self.cut.append(function)
            function.cut()

    def recursed(self, function: Function) -> None:
        """Restore a deeply recursive function."""
        if function.is_whole and function.is_deep():
            self.cut.append(function)
            function.close()
            self._waiting.append(function)
            self._put_back_waiting()

    def _put_back_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._waiting += [each for each in waiting if not self.put_back(each.wrapper)]


class AdaptiveWrapping(Wrapping):
    """Makes wrappers that are controlled by a policy."""

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
        is_installed = home in self._packages or home in sys.stdlib_module_names
        share = self._policy.installed if is_installed else self._policy.own
        if self._policy.shares.get(name) is not self._policy.own:
            self._policy.shares[name] = share
        key = None if code is None else (code.co_filename, code.co_firstlineno, name)
        function = self._policy.known.get(key)
        if function is None:
            function = Function(self._policy, share, name, None if is_awaited else code)
            if key is not None:
                self._policy.known[key] = function
        options = with_entry(self._options, _Recorders(function, self._policy))
        one = Wrapping(self.tracer, options, enabled=function.gate)
        function.wrapper = one.wrap(target, name, path)
        return function.wrapper

    def refuses(self, function: Any) -> str | None:
        """Why a function is only recorded if it is named: steps of generators are expensive."""
        if is_traced_inside(function):
            return "it is traced already"
        if original_of(function).__code__.co_flags & _STEPPED:
            return "it is a generator, of which each step would take longer; name it"
        return None


def is_traced_inside(function: Any) -> bool:
    """Whether an object made by a decorator contains a recorded function."""
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
    """The initial details of a span, and the cost of recording so far."""

    __slots__ = ("before",)

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before


class AdaptiveRecorder(Recorder):
    """Records the calls of one function until it is cut."""

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
        """End the span. A failure that the caller handles is no reason to show a short span."""
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
"""Maps ids of exceptions that left a short span to the id of the span's parent."""


def _pass_on(span: Any, details: Details, error: BaseException) -> None:
    """Leave an exception to the caller's span, which records it if it leaves that span too."""
    if _passed.pop(id(error), None) == span._span_id:
        return
    if len(_passed) > _OFTEN:
        _passed.clear()  # they were handled
    _passed[id(error)] = span._parent_id
    details.expected = (BaseException,)
