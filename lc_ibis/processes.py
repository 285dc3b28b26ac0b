"""Other processes: who holds a database, and waiting for them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeVar

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
        return f"process {pid} ({command}), which {process.username()} started at {since:%Y-%m-%d %H:%M:%S} UTC"
    except psutil.Error:
        return f"process {pid}"


def in_use(place: object, pid: int | None) -> DatabaseInUse:
    """Return the error of a database that another process holds."""
    return DatabaseInUse(
        f"{place}: in use by {described(pid)}. Wait for it (--wait SECONDS), or stop it; to read while builds run, "
        "have them make a copy for readers (--publish FILE)."
    )


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
