"""Ends a run before `signal.raise_signal`, with which servers end after they handled a signal.

A signal handler can't do this for signals from other processes: Python does not call it while the
main thread is in a blocking call that began right after the signal arrived.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

from enterspan._pipeline import process

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDING: Final = frozenset(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL")
    if hasattr(signal, name)
)
"""Signals that end a process that does not handle them."""


def end_before_signals(end: Callable[[int], bool]) -> None:
    """Call `end` before this process ends itself by a signal.

    If it returns False, the process has no invocation of the run: open spans are ended instead.
    """
    raising: Any = _RaiseSignal(signal.raise_signal, end)
    signal.raise_signal = raising


class _RaiseSignal:
    """The replacement of the function."""

    def __init__(self, send: Callable[[int], None], end: Callable[[int], bool]) -> None:
        self._send = send
        self._end = end
        self.__name__ = self.__qualname__ = "raise_signal"
        self.__doc__ = send.__doc__

    def __call__(self, signalnum: int, /) -> None:
        if (
            signalnum in _ENDING
            and signal.getsignal(signalnum) is signal.SIG_DFL
            and not self._end(signalnum)
        ):
            process.end_now(process.EXIT_TIMEOUT)
        self._send(signalnum)

    def __repr__(self) -> str:
        return repr(self._send)
