"""What ends a command from outside: SIGTERM and SIGHUP end it as Ctrl-C does, so that nothing is left half done.

Of the command line alone: a notebook or an orchestrator that calls the functions has signals of its own.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lc_ibis.files.processes import stop_queries

# Windows has no SIGHUP.
_NAMES = ("SIGTERM", "SIGHUP")
_taken: list[int] = []
_over: list[BaseException] = []
_heard = threading.Event()
# How long Python has to hear of a signal before the query that it waits for is stopped.
_SECONDS = 0.2


@contextmanager
def taken() -> Iterator[None]:
    """Have signals that would kill what runs inside raise KeyboardInterrupt; those that are ignored stay ignored."""
    _taken.clear()
    _over.clear()
    _heard.clear()
    # Python lets no other thread say what becomes of signals.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.signal(number, _interrupt) for number in found if _would_kill(number)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt_again)
    hook, sys.unraisablehook = sys.unraisablehook, _lost
    try:
        with _watched(before):
            yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(numbers: Container[int]) -> Iterator[None]:
    """Stop queries that keep Python from hearing of a signal: an engine may run one to its end before it looks.

    Python itself runs nothing meanwhile, but it writes the signal's number to a socket as it comes.
    """
    read, write = socket.socketpair()
    write.setblocking(False)
    before = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
    watch = threading.Thread(target=_watch, args=(read, numbers), daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        _heard.set()
        write.close()
        watch.join()
        read.close()


def _watch(signals: socket.socket, numbers: Container[int]) -> None:
    while number := signals.recv(1):
        # Spark puts a handler of its own in the place of ours, and stops what it runs.
        while number[0] in numbers and signal.getsignal(number[0]) in _OURS and not _heard.wait(_SECONDS):
            stop_queries()


def _would_kill(number: int) -> bool:
    """Say whether nobody has said otherwise, as nohup does of SIGHUP."""
    return signal.getsignal(number) is signal.SIG_DFL


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _hear()
    # One signal comes twice more often than not (timeout sends it to the process and to its group): what the first
    # began to clean is cleaned.
    if _over or is_interruption(sys.exc_info()[1]):
        return
    _taken.append(number)
    raise KeyboardInterrupt


def _interrupt_again(_number: int, _frame: FrameType | None) -> None:
    # Who presses Ctrl-C twice does not want to wait for what the first one cleans.
    _hear()
    raise KeyboardInterrupt


_OURS = (_interrupt, _interrupt_again)


def _lost(unraisable: Any) -> None:
    """Have a signal come again that Python threw away: it drops what is raised in __del__, as in those of Ibis."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    _heard.clear()
    # Raised here, it would be thrown away too.
    again = threading.Timer(_SECONDS, signal.raise_signal, (_taken[-1] if _taken else signal.SIGINT,))
    again.daemon = True
    again.start()


def _hear() -> None:
    _heard.set()
    # An engine that looks for signals in one of a query's threads waits for the others then, and tells them nothing.
    stop_queries()


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
