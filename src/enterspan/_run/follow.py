"""A program, run and recorded in this process, until the process ends."""

from __future__ import annotations

import atexit
import os
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from enterspan._run.environment import carrier, hand_down
from enterspan._run.program import Program, hide_from_traceback, program_frames
from enterspan._run.recording import Recording, Settings
from enterspan._terminal.say import say
from enterspan._tracing import tracing
from enterspan.events import CustomEventInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._tracing import InvocationScope


class CannotRecordError(Exception):
    """Nothing was run: a pattern can't be read, or nothing can be written."""

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
    """Run a program, in an invocation that ends with the process; its children are followed, too.

    What it raises comes out of here. Raises CannotRecordError before anything is run.
    """
    try:
        recording = Recording(settings, is_child=is_child)
    except (OSError, ValueError) as error:
        raise CannotRecordError(error) from None

    def end() -> None:
        tracing.configure(enabled=False)  # the program has ended: what is said is not its own
        for line in () if is_child else recording.report():
            say(line)

    info = CustomEventInfo(program.name)
    scope = tracing.invocation(program.name, info=info, ambient=True, parent=carrier() or None)
    ending = _Ending(scope, end)
    invocation = scope.__enter__()
    atexit.register(ending)
    os._exit = _Exit(os._exit, ending)  # mypy leaves by it
    if children:
        hand_down(None if is_child else settings, invocation.span.context)
    try:
        program.run(partial(recording.prepare, program))
    except BaseException as error:
        ending.error = error
        hide_from_traceback()
        raise


class _Exit:
    """`os._exit`, before which the invocation ends: nothing else is called then."""

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

    It is an exit handler itself, registered before the program can register one: they are called
    in reverse order. A forked child leaves the invocation to its parent.
    """

    def __init__(self, scope: InvocationScope, last_words: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._last_words = last_words
        self._scope = scope
        self._process = os.getpid()
        self._is_done = False

    def leave(self, status: int) -> None:
        """End it as `sys.exit` would."""
        if status and self.error is None:
            self.error = SystemExit(status)
        self()

    def __call__(self) -> None:
        """End the invocation with what became of the program."""
        if self._is_done or os.getpid() != self._process:
            return
        self._is_done = True
        error, self.error = self.error, None
        if error is None:
            self._scope.__exit__(None, None, None)
        else:
            error.__traceback__ = program_frames(error.__traceback__)
            self._scope.__exit__(type(error), error, error.__traceback__)
        self._last_words()
