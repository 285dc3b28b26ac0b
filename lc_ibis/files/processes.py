"""Processes: who holds a database, waiting for them, and what this one can stop."""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakSet

from lc_ibis.errors import DatabaseInUse, cut

_T = TypeVar("_T")
# Several that wait do not ask in step.
_LEAST_PAUSE, _MOST_PAUSE = 0.1, 0.5


def is_running(pid: int) -> bool:
    """Say whether there is a process of this number."""
    import psutil

    return bool(psutil.pid_exists(pid))


def described(pid: int | None) -> str:
    """Say which process it is, since when it runs, and for whom; as much as may be known."""
    if pid is None:
        return "another process"
    import psutil

    try:
        process = psutil.Process(pid)
        since = datetime.fromtimestamp(process.create_time(), timezone.utc)
        command = cut(shlex.join(process.cmdline()) or process.name())
        return f"process {pid} ({command}), started by {process.username()} at {since:%Y-%m-%d %H:%M:%S} UTC"
    except psutil.Error:
        return f"process {pid}"


def in_use(place: object, pid: int | None) -> DatabaseInUse:
    """Return the error of a database that another process holds."""
    return DatabaseInUse(
        f"{place}: in use by {described(pid)}. Wait for it (--wait SECONDS) or stop it. To read during "
        "builds, have them publish a copy for readers (--publish FILE)."
    )


# What this process has open: who opened it, by the place's real path and a number of its own.
_open: dict[tuple[Path, int], str] = {}


def note_open(place: Path, number: int) -> None:
    """Remember who, outside of lc_ibis, has this process open a place."""
    _open[place.resolve(), number] = _caller()


def note_closed(place: Path, number: int) -> None:
    """Forget that a place was open."""
    _open.pop((place.resolve(), number), None)


def open_here(place: Path) -> DatabaseInUse:
    """Return the error of a database that this process itself holds."""
    holders = [caller for (held, _), caller in _open.items() if held == place.resolve()]
    who = f"opened by {' and by '.join(sorted(set(holders)))}" if holders else "not opened by lc-ibis"
    return DatabaseInUse(
        f"{place}: in use by this process itself ({os.getpid()}), {who}. Close it first with p.close(), or "
        "open it using: with lc_ibis.connect(…) as p."
    )


def _caller() -> str:
    """Say where in whose code this was called, outside of this package."""
    package = str(Path(__file__).parents[1])
    # Without the sources' lines, which would be read at each opening.
    for frame, line in traceback.walk_stack(None):
        if not frame.f_code.co_filename.startswith(package):
            return f"{frame.f_code.co_filename}, line {line}"
    return "lc-ibis"


class Stoppable(Protocol):
    """Something that runs queries, which another thread may stop."""

    def stop(self) -> None: ...


# Weakly: a connection that nobody closes is closed when nobody has it any more.
_stoppable: WeakSet[Stoppable] = WeakSet()


def note_running(owner: Stoppable) -> None:
    """Remember, for as long as it is there, what runs queries."""
    _stoppable.add(owner)


def stop_queries() -> None:
    """Have all queries of this process end with their engine's error; what runs none is left alone."""
    for owner in tuple(_stoppable):
        with suppress(Exception):  # it is closed
            owner.stop()


def waited(call: Callable[[], _T], seconds: float) -> _T:
    """Return what `call` gives, called again for so many seconds while it raises DatabaseInUse; then that is raised."""
    if not seconds:
        return call()
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

    retrying = Retrying(
        retry=retry_if_exception_type(DatabaseInUse), stop=stop_after_delay(seconds),
        wait=wait_random(_LEAST_PAUSE, _MOST_PAUSE), reraise=True,
    )  # fmt: skip
    return retrying(call)
