"""Delivery before a signal without a handler ends the process.

A handler runs between two steps of the main thread, wherever that is. What it waits for has a
limit: a lock that the interrupted code holds costs at most that.
"""

from __future__ import annotations

import signal
import threading

from enterspan._pipeline import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Final

    from enterspan._pipeline.subscribers import Subscribers


_GOES_ON: Final = frozenset(
    getattr(signal, name, 0)
    for name in ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU")
)
"""Signals that do not end a process that does not handle them."""


def flush_on(subscribers: Subscribers, numbers: tuple[int, ...], timeout: float) -> None:
    """Put a handler before what is there, for each signal."""
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("flush_on_signal must be called in the main thread")
    for number in numbers or (signal.SIGTERM,):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"a signal must be an int, such as signal.SIGTERM, not {number!r}")
        present = signal.getsignal(number)
        if present is signal.SIG_IGN:
            continue  # and the programs that are started from here ignore it, too
        if present is None:
            raise ValueError(f"the handler of signal {number} is not Python's: call flush() there")
        if isinstance(present, _Handler) and present.subscribers is subscribers:
            present.timeout = timeout
            continue
        try:
            signal.signal(number, _Handler(subscribers, present, timeout))
        except OSError as error:  # SIGKILL, SIGSTOP
            raise ValueError(f"signal {number} can't be handled: {error}") from None


class _Handler:
    """Delivers what is finished, then does what was done before."""

    def __init__(self, subscribers: Subscribers, present: Any, timeout: float) -> None:
        self.subscribers = subscribers
        self.timeout = timeout
        self._present = present
        self._is_busy = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; one that arrives meanwhile is not held up."""
        if not self._is_busy:
            self._is_busy = True
            try:
                self._deliver(number)
            finally:
                self._is_busy = False
        self._pass_on(number, frame)

    def _deliver(self, number: int) -> None:
        self.subscribers.flush_patiently_once(self.timeout)
        if self._present is signal.SIG_DFL and number not in _GOES_ON:
            process.end_now(self.timeout)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        present = self._present
        if callable(present) and present is not signal.SIG_DFL:
            present(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, self)  # the default is not to end the process
