"""Runs and records a program in this process, until the process ends."""

from __future__ import annotations

import atexit
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from enterspan._model.tracebacks import set_traceback, traceback_of
from enterspan._run.environment import carrier, hand_down
from enterspan._run.program import Program, hide_from_traceback, program_frames
from enterspan._run.recording import Recording, Settings
from enterspan._run.signals import end_before_signals
from enterspan._run.stack import hide_from_stacks
from enterspan._tracing import tracing
from enterspan.events import CustomEventInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._tracing import InvocationScope


class CannotRecordError(Exception):
    """Nothing was run: a pattern is invalid, or nothing can be written."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def follow(
    program: Program,
    settings: Settings,
    *,
    is_child: bool = False,
    children: bool = True,
) -> None:
    """Run a program, in an invocation that ends with the process; its children are recorded, too.

    Its exceptions propagate. Raises CannotRecordError before anything is run.
    """
    try:
        recording = Recording(settings, program, is_child=is_child)
    except (OSError, ValueError) as error:
        raise CannotRecordError(error) from None

    def end() -> None:
        tracing.configure(enabled=False)  # the program has ended: what is said is not its own
        if not is_child or os.getpid() == settings.pid:  # the second if a program replaced itself
            recording.finish()

    info = CustomEventInfo(program.name)
    scope = tracing.invocation(program.name, info=info, ambient=True, parent=carrier() or None)
    ending = _Ending(scope, end)
    invocation = scope.__enter__()
    atexit.register(ending)
    os._exit = _Exit(os._exit, ending)  # mypy leaves by it
    end_before_signals(ending.leave_by)  # uvicorn by this
    hide_from_stacks(Program.run.__code__)
    if children:
        hand_down(None if is_child else settings, invocation.span.context)
    try:
        program.run(partial(recording.prepare, program))
    except BaseException as error:
        ending.error = error
        hide_from_traceback()
        raise


class _Exit:
    """Replaces `os._exit`, to end the invocation before: nothing else is called then."""

    def __init__(self, leave: Callable[[int], NoReturn], ending: _Ending) -> None:
        self._leave = leave
        self._ending = ending
        self.__name__ = self.__qualname__ = "_exit"
        self.__doc__ = leave.__doc__

    def __call__(self, status: int) -> NoReturn:
        try:
            if type(status) is int:
                self._ending.leave(status)
        finally:
            self._leave(status)

    def __repr__(self) -> str:
        return repr(self._leave)


class _Ending:
    """Ends the invocation when the process ends: after its threads, and its own exit handlers.

    It is registered as an exit handler before the program's, because they are called in reverse
    order. A forked child leaves the invocation to its parent.
    """

    def __init__(self, scope: InvocationScope, last_words: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._last_words = last_words
        self._scope = scope
        self._process = os.getpid()
        self._is_done = False

    def leave(self, status: int) -> None:
        """End the invocation as for `sys.exit`."""
        if status and self.error is None:
            self.error = SystemExit(status)
        self()

    def leave_by(self, signalnum: int) -> bool:
        """End it by a signal; False in a forked child, which has none to end."""
        if os.getpid() != self._process:
            return False
        self.error = KeyboardInterrupt(signal.Signals(signalnum).name)
        self()
        return True

    def __call__(self) -> None:
        """End the invocation with the program's outcome."""
        if self._is_done or os.getpid() != self._process:
            return
        self._is_done = True
        error, self.error = self.error, None
        if error is None:
            self._scope.__exit__(None, None, None)
        else:
            own = program_frames(traceback_of(error))
            set_traceback(error, own)
            self._scope.__exit__(type(error), error, own)
        self._last_words()
