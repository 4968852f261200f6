"""Flushes before a signal ends the process.

A handler runs between two instructions of the main thread. It waits with a timeout, in case the
interrupted code holds a lock.
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
"""Signals that by default don't end a process."""


def flush_on(subscribers: Subscribers, numbers: tuple[int, ...], timeout: float) -> None:
    """Install a handler for each signal, in front of the existing one."""
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("flush_on_signal must be called in the main thread")
    for number in numbers or (signal.SIGTERM,):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"a signal must be an int, such as signal.SIGTERM, not {number!r}")
        present = signal.getsignal(number)
        if present is signal.SIG_IGN:
            continue  # and child programs inherit that it is ignored
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
    """Flushes, then does what the previous handler does."""

    def __init__(self, subscribers: Subscribers, present: Any, timeout: float) -> None:
        self.subscribers = subscribers
        self.timeout = timeout
        self._present = present
        self._is_busy = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; a second one in the meantime is not delayed."""
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
        signal.signal(number, self)  # by default, the signal does not end the process
