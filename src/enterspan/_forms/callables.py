"""Callables that are no plain functions: C functions, partials, cached functions, instances.

They are wrapped with wrapt, so that everything else about them is as before.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from wrapt import FunctionWrapper

from enterspan._forms.enter import settle
from enterspan._forms.recorder import recorder_for, span_name
from enterspan._forms.results import PLAIN, kind_of

if TYPE_CHECKING:
    from enterspan._forms.options import Options
    from enterspan._span.tracer import Tracer


class TracedCallable(FunctionWrapper[Any, Any]):
    """Any callable with a span around each call; in all else the callable itself."""

    def __init__(
        self, wrapped: Any, tracer: Tracer, options: Options, settle: Any = settle
    ) -> None:
        if options.capture_args and options.capture_args is not True:
            raise ValueError(
                f"capture_args needs a function with named parameters, not {wrapped!r}; use True"
            )
        recorder = recorder_for(tracer, options, span_name(wrapped))
        begin, end = recorder.begin, recorder.end
        retired: list[bool] = []

        def call(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            if tracer.off or retired:
                return wrapped(*args, **kwargs)
            span = begin(tracer, recorder.name, *recorder.start(*args, **kwargs))
            if span is None:
                return wrapped(*args, **kwargs)
            if options.capture_args:
                # The names of positional arguments are not known.
                given = "[redacted]" if options.redact and args else args
                recorder.arguments(span, {"args": given, "kwargs": kwargs})
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                end(span, error)
                raise
            if options.capture_return:
                recorder.result(span, result)
            if kind_of(result) is PLAIN:
                end(span)
                return result
            return settle(tracer, span, result, end)

        super().__init__(wrapped, call)
        self._self_tracer = tracer
        self._self_options = options
        self._self_retired = retired

    def retire(self) -> None:
        """Record nothing from here on: it was taken out, but something may hold it for good."""
        self._self_retired.append(True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference where that leads here, else with what is wrapped."""
        name = getattr(self, "__qualname__", None)
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for part in name.split(".") if isinstance(name, str) else ():
            found = getattr(found, part, None)
        if found is self:
            return name
        return trace_callable, (self.__wrapped__, self._self_tracer, self._self_options)

    def __reduce__(self) -> Any:
        """Pickle by reference where that leads here, else with what is wrapped."""
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        """Functions are not copied, and neither is this."""
        return self

    def __deepcopy__(self, memo: object) -> Any:
        """Functions are not copied, and neither is this."""
        return self


def trace_callable(target: Any, tracer: Tracer, options: Options) -> Any:
    """Return a callable with a span around each call."""
    return TracedCallable(target, tracer, options)
