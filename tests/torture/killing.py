"""Runs operations in copies of a place, each in a process of its own, and kills them: at a step, in a write, or at
a moment. Or sends them a signal, which the command line would take for an interruption.

It reads requests from standard input, a line of JSON each, and answers each with one. A child is forked for each, so
that what takes long to import is imported once.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import lc_ibis
from lc_ibis import migrations
from lc_ibis.backends.duckdb import tables
from lc_ibis.cli import interruptions
from lc_ibis.engine.refresh import refresher
from lc_ibis.engine.state import run, state
from lc_ibis.errors import LcIbisError
from tests.patience import HANGING

# What changes a name or makes something last, and every statement of SQL.
STEPS = (
    (os, "replace"), (os, "rename"), (os, "link"), (os, "unlink"), (os, "mkdir"), (os, "rmdir"), (os, "fsync"),
    (tables.DuckDB, "_run"),
)  # fmt: skip
# How a process ends that a signal interrupted.
INTERRUPTED = 3
DATA = Path(__file__).parents[2] / "data"
NOW = datetime(2026, 3, 2, 6, 0, 0, 1)
PLACES = {"database": "lc.duckdb", "outputs": "outputs"}
BUILD: dict[str, Any] = {**PLACES, "inputs": "inputs", "reports": "reports", "allow_mass_delete": True}

OPERATIONS: dict[str, Callable[[], Any]] = {
    "first": lambda: lc_ibis.build(**BUILD),
    "by key": lambda: lc_ibis.build(**BUILD),
    "full refresh": lambda: lc_ibis.build(**BUILD, full_refresh=True),
    "delta": lambda: lc_ibis.build(**BUILD, delivery="delta"),
    "partitioned": lambda: lc_ibis.build(**BUILD, partitioned=True),
    "published": lambda: lc_ibis.build(**BUILD, publish="readers.duckdb", keep_history="1d"),
    "compact": lambda: lc_ibis.compact(database="lc.duckdb"),
    "restore": lambda: lc_ibis.restore("backup", **PLACES),
    "export": lambda: lc_ibis.export("account_summary", "marts.csv", database="lc.duckdb"),
    "migrate": lambda: migrations.apply("before/old.duckdb", **PLACES, reports="reports"),
}


def as_in_tests() -> None:
    """Have few rows be handled as many are, and the time be one that can be compared."""
    refresher.MOST_KEYS = float("inf")
    tables._FEW_ROWS = 0
    state.utc_now = lambda: NOW
    run.Clock.now = lambda clock: clock.began_at  # type: ignore[method-assign]


def _stepping(report: int, last: int | None, number: int, again: bool) -> None:
    """Tell of each step in a line, and be sent a signal before the last, and before all that follow it too."""
    count = 0

    def stepped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            what = " ".join(str(argument) for argument in given[-2:] if isinstance(argument, str | Path))
            os.write(report, f"{name} {' '.join(what.split())[:60]}\n".encode(errors="replace"))
            count += 1
            if last is not None and (count - 1 == last or (again and count > last)):
                os.kill(os.getpid(), number)
            return original(*given, **named)

        return call

    for owner, name in STEPS:
        setattr(owner, name, stepped(name, getattr(owner, name)))


def _become(user: int) -> None:
    """Go on as another user, once all that is imported late has been: that one may not be let to where it is."""
    with tempfile.TemporaryDirectory() as warm:
        places = {name: f"{warm}/{name}" for name in ("database", "outputs", "reports")}
        lc_ibis.build(**places, inputs=str(DATA / "inputs"), no_cache=True)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _child(request: dict[str, Any], report: int) -> None:
    os.chdir(request["root"])
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    as_in_tests()
    if "user" in request:
        _become(request["user"])
    _stepping(report, request.get("step"), request.get("signal", signal.SIGKILL), bool(request.get("again")))
    if "bytes" in request:
        # The write that would make a file longer ends the process.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["bytes"], resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if request.get("fails") else signal.SIG_DFL)
    with interruptions.taken():
        OPERATIONS[request["operation"]]()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry a request out: how its process ended, the steps that it took, and in how many seconds."""
    reading, writing = os.pipe()
    started = time.perf_counter()
    if not (child := os.fork()):
        code = 1
        try:
            os.close(reading)
            _child(request, writing)
            code = 0
        except BaseException as error:
            os.write(
                writing, f"error {type(error).__name__}: {error}".replace("\n", " ").encode(errors="replace") + b"\n"
            )
            if interruptions.is_interruption(error):
                code = INTERRUPTED
            elif not isinstance(error, LcIbisError):
                code = 2
                os.write(writing, traceback.format_exc().encode(errors="replace"))
        finally:
            os._exit(code)
    os.close(writing)
    steps = b""
    while True:
        left = request.get("seconds", HANGING) - (time.perf_counter() - started)
        if not select.select([reading], [], [], max(left, 0))[0]:
            os.kill(child, signal.SIGKILL)
            break
        if not (read := os.read(reading, 1 << 16)):
            break
        steps += read
    os.close(reading)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    return {"ended": ended, "steps": steps.decode().splitlines(), "seconds": time.perf_counter() - started}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
