"""What ends a command from outside: SIGTERM and SIGHUP end it as Ctrl-C does, so that nothing is left half done.

Of the command line alone: a notebook or an orchestrator that calls the functions has signals of its own.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Windows has no SIGHUP.
_NAMES = ("SIGTERM", "SIGHUP")
_taken: list[int] = []
_over: list[BaseException] = []


@contextmanager
def taken() -> Iterator[None]:
    """Have signals that would kill what runs inside raise KeyboardInterrupt; those that are ignored stay ignored."""
    _taken.clear()
    _over.clear()
    before = {}
    # Python lets no other thread say what becomes of signals.
    if threading.current_thread() is threading.main_thread():
        found = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        before = {number: signal.signal(number, _interrupt) for number in found if _would_kill(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _would_kill(number: int) -> bool:
    """Say whether nobody has said otherwise, as nohup does of SIGHUP."""
    return signal.getsignal(number) is signal.SIG_DFL


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # One signal comes twice more often than not (timeout sends it to the process and to its group): what the first
    # began to clean is cleaned.
    if _over or is_interruption(sys.exc_info()[1]):
        return
    _taken.append(number)
    raise KeyboardInterrupt


def is_interruption(error: BaseException | None) -> bool:
    """Say whether an error is an interruption, or was raised in the course of one."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def over(error: BaseException) -> None:
    """Note that an error has ended a command, all being cleaned; the command line turns some into exits."""
    if is_interruption(error):
        _over.append(error)


def exit_code() -> int | None:
    """Return the exit code of a command that was interrupted, as shells have it: 128 and the number of the signal."""
    return 128 + (_taken[-1] if _taken else signal.SIGINT) if _over else None


def leave() -> None:
    """Exit where a signal has ended what only a signal ends, unless it was Ctrl-C: that one was asked for."""
    if _taken:
        sys.exit(128 + _taken[-1])
