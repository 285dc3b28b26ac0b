"""Ended by a signal, a command leaves nothing half done, tells whom it would tell of Ctrl-C, and exits as shells say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lc_ibis.cli import interruptions
from tests.conftest import ALICE, SAVINGS, Lending
from tests.patience import HANGING

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
CHANGED = ("A1", "1", "7000.00", "Savings")
KILL = "os.kill(os.getpid(), NUMBER)"
# Unix has these signals, and Windows ends a process without asking it.
pytestmark = pytest.mark.skipif(os.name == "nt", reason="no process is asked to end there")
# The command line, with a function that sends a signal before it does what it does.
_PROGRAM = """
import functools, importlib, operator, os, signal, subprocess, sys, threading, time
from lc_ibis.cli import run

NUMBER = getattr(signal, {number!r})
module, _, name = {where!r}.partition(":")
module = importlib.import_module(module)
owner, _, name = name.rpartition(".")
owner = operator.attrgetter(owner)(module) if owner else module
original = getattr(owner, name)

@functools.wraps(original)
def interrupted(*given, **named):
    {act}
    return original(*given, **named)

setattr(owner, name, interrupted)
sys.argv[0] = "lc-ibis"
run()
"""


@pytest.fixture(autouse=True)
def no_signal_is_ignored() -> Iterator[None]:
    """Tests may run under nohup or in the background, or after Spark and Dagster, which have handlers of their own."""
    heard: dict[int, Any] = {signal.SIGHUP: signal.SIG_DFL, signal.SIGTERM: signal.SIG_DFL}
    heard[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def command(
    place: Lending, *words: object, where: str, number: str = "SIGTERM", act: str = KILL, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in a place; a function of it, module:name, sends its process a signal first."""
    code = _PROGRAM.format(number=number, where=where, act=act)
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=place.root, capture_output=True, text=True, check=False, timeout=HANGING, **how,
    )  # fmt: skip


def building(place: Lending) -> list[object]:
    return ["build", *(word for name, path in place.places().items() for word in (f"--{name}", path))]


def found(place: Lending) -> set[str]:
    return {path.relative_to(place.root).as_posix() for path in place.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("number", CODES)
def test_a_build_that_a_signal_ends_is_told_and_leaves_nothing(lending: Lending, number: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    before = found(lending)
    ended = command(
        lending, *building(lending), "--openlineage", "told.jsonl", "--notify", "tee notified.json",
        where="lc_ibis.engine.prove.checking:Checker.run", number=number,
    )  # fmt: skip
    assert ended.returncode == CODES[number], ended.stderr
    assert ended.stderr.split() == ["Aborted!"]
    [report] = lending.reports.iterdir()
    left = found(lending) - before
    assert left == {"told.jsonl", "notified.json", report.relative_to(lending.root).as_posix()}
    assert json.loads(report.read_text())["error"] == "interrupted"
    events = [json.loads(line)["eventType"] for line in (lending.root / "told.jsonl").read_text().splitlines()]
    assert events == ["START", "FAIL"]
    assert json.loads((lending.root / "notified.json").read_text())["meaning"] == "The build was interrupted."


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_tables_are_as_they_were_after_a_signal(lending: Lending, number: str) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.deliver(accounts=[CHANGED])
    before = lending.files()
    ended = command(lending, *building(lending), where="lc_ibis.outputs.pending:PendingFiles.write", number=number)
    assert ended.returncode == CODES[number], ended.stderr
    assert lending.files() == before
    assert lending.build().status == "built"


# They would take hours, and Python's own code does not run meanwhile. DuckDB looks for signals between some tasks only:
# in the first with one version and not with another, in the second with none.
LONG_QUERIES = (
    "SELECT sum(hash(range)) FROM range(1000000000000000)",
    "SELECT count(*) FROM range(1000000) a, range(10000000) b WHERE a.range + b.range < hash(a.range) % 7",
)
COMPUTING = "threading.Timer(0.2, os.kill, (os.getpid(), NUMBER)).start(); given[{}]._run('SET threads = 4; {}')"


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("query", LONG_QUERIES, ids=["scan", "join"])
def test_a_signal_ends_what_the_engine_computes(lending: Lending, query: str, number: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    ended = command(
        lending, *building(lending), where="lc_ibis.outputs.pending:PendingFiles.write", number=number,
        act=COMPUTING.format(1, query),
    )  # fmt: skip
    assert ended.returncode == CODES[number], ended.stderr
    assert ended.stderr.split() == ["Aborted!"]
    assert not lending.database.exists()


def test_a_signal_ends_what_duckdb_does_aside(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    ended = command(
        lending, "export", "account_summary", "--to", "rows.xlsx", "--database", lending.database,
        where="lc_ibis.outputs.excel:_write",
        act=f"threading.Timer(0.2, os.kill, (os.getpid(), NUMBER)).start(); given[2].execute({LONG_QUERIES[1]!r})",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.split()) == (143, ["Aborted!"])
    assert not (lending.root / "rows.xlsx").exists()


def test_a_command_that_reads_is_ended_without_a_traceback(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    ended = command(
        lending, "show", "account_summary", "--database", lending.database,
        where="lc_ibis.backends.duckdb.tables:DuckDB.rows", act=COMPUTING.format(0, LONG_QUERIES[1]),
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.split()) == (143, ["Aborted!"])


@pytest.mark.parametrize("second", ["SIGTERM", "SIGHUP"])
def test_a_second_signal_lets_what_the_first_began_be_cleaned(lending: Lending, second: str) -> None:
    """As timeout sends it, to the process and to its group."""
    lending.deliver([ALICE], [SAVINGS])
    ended = command(
        lending, *building(lending), "--notify", "tee notified.json",
        where="lc_ibis.backends.duckdb.file:DatabaseFile._run",
        act=f"given[1].startswith('ATTACH') and {KILL}; "
        f"sys.exc_info()[1] is None or os.kill(os.getpid(), signal.{second})",
    )  # fmt: skip
    assert ended.returncode == 143, ended.stderr
    assert (lending.root / "notified.json").exists()
    assert not list(lending.root.glob("*lc.duckdb*"))


@pytest.mark.parametrize("number", CODES)
def test_a_signal_that_python_throws_away_comes_again(lending: Lending, number: str) -> None:
    """What is raised in __del__ is lost, and each expression of Ibis has one."""
    lending.deliver([ALICE], [SAVINGS])
    ended = command(
        lending, *building(lending), "--no-cache", where="ibis.common.bases:Comparable.__del__", number=number,
        act=f"vars(interrupted).setdefault('seen', []).append(1); len(interrupted.seen) == 500 and {KILL}",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.split()) == (CODES[number], ["Aborted!"])
    assert not lending.database.exists()


def test_a_signal_that_is_ignored_stays_ignored(lending: Lending) -> None:
    """As nohup has it."""
    lending.deliver([ALICE], [SAVINGS])
    ended = command(
        lending, *building(lending), where="lc_ibis.engine.prove.checking:Checker.run", number="SIGHUP",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["backup", "--to", "copy"], "lc_ibis.files.backup:write"),
        (["export", "account_summary", "--to", "rows.xlsx"], "lc_ibis.files.whole:move"),
        (["compact"], "lc_ibis.backends.duckdb.file:settle"),
        (["drop", "account_summary", "--yes"], "lc_ibis.engine.state.state:State.save"),
        (["docs", "build", "pages"], "pathlib:Path.rename"),
        (["docs", "artifacts", "dbt"], "lc_ibis.files.whole:move"),
        (["contract", "export", "--to", "contracts"], "lc_ibis.files.whole:move"),
        (["init", "project"], "shutil:copyfile"),
        (["parity", "--with", "duckdb"], "lc_ibis.engine.prove.checking:Checker.run"),
    ],
)
def test_other_commands_that_write_leave_nothing_either(
    lending: Lending, words: list[str], where: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lending.load([ALICE], [SAVINGS])
    scratch = tmp_path_factory.mktemp("scratch")
    known = {name: str(path) for name, path in lending.places().items()}
    environment = {f"LC_IBIS_{name.upper()}": path for name, path in known.items()}
    before, tables = found(lending), lending.contents()
    ended = command(lending, *words, where=where, env=os.environ | environment | {"TMPDIR": str(scratch)})
    assert ended.returncode == 143, ended.stdout + ended.stderr
    assert found(lending) == before
    assert not any(scratch.iterdir())
    assert lending.contents() == tables


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 0)])
def test_the_pages_are_gone_when_a_signal_ends_their_server(
    lending: Lending, tmp_path_factory: pytest.TempPathFactory, number: str, code: int
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    ended = command(
        lending, "docs", "serve", "--port", "0", where="socketserver:BaseServer.serve_forever", number=number,
        env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert ended.stdout.startswith("serving http://127.0.0.1:")
    assert not any(scratch.iterdir())


def test_a_call_from_python_takes_no_signals(lending: Lending) -> None:
    seen: list[Any] = []

    class Looking:
        def begun(self, what: str) -> None:
            seen.append([signal.getsignal(getattr(signal, name)) for name in CODES])

        def done(self, table: object) -> None: ...

    before = [signal.getsignal(getattr(signal, name)) for name in CODES]
    lending.load([ALICE], [SAVINGS], progress=Looking())
    assert seen
    assert all(handlers == before for handlers in seen)


def test_what_has_its_own_way_with_a_signal_keeps_it() -> None:
    def own(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, own)
    try:
        with interruptions.taken():
            assert signal.getsignal(signal.SIGTERM) is own
            assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_a_thread_the_command_line_leaves_signals_alone() -> None:
    def enter() -> None:
        with interruptions.taken():
            seen.append(signal.getsignal(signal.SIGTERM))

    seen: list[Any] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(HANGING)
    assert seen == [signal.SIG_DFL]
