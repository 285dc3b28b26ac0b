"""Two at once: who waits, who is told of whom, and a copy that readers always can open."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
import pytest

import lc_ibis
from lc_ibis.api.test import verified
from lc_ibis.backends.duckdb import published
from lc_ibis.backends.spark.manifest import locked
from lc_ibis.errors import DatabaseError, DatabaseInUse, OutputError, SettingsError
from lc_ibis.outputs import pending
from tests.conftest import ALICE, SAVINGS, Lending
from tests.patience import HANGING

CHANGED = ("A1", "1", "7000.00", "Savings")
_HOLD = "import duckdb; c = duckdb.connect({database!r}); print(1, flush=True); input()"


@contextmanager
def held(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold a database, until its standard input is closed."""
    command = [sys.executable, "-c", _HOLD.format(database=str(database))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield holder
        holder.communicate("\n", timeout=HANGING)


def test_who_holds_the_database_is_named_and_since_when(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with held(lending.database) as holder, pytest.raises(DatabaseInUse) as refused:
        lending.build()
    said = str(refused.value)
    assert f"in use by process {holder.pid} (" in said
    assert "import duckdb" in said
    assert ", started by " in said
    assert "--wait SECONDS" in said


def test_a_build_waits_until_the_other_has_ended(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.deliver(accounts=[CHANGED])
    with held(lending.database) as holder:
        assert holder.stdin
        ending = threading.Timer(1.0, partial(print, file=holder.stdin, flush=True))
        ending.start()
        assert lending.build(wait=HANGING).status == "built"
        ending.join()
    assert lending.rows("stg_account", "balance_amount") == [7000]


def test_a_wait_that_is_over_is_refused(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    started = time.monotonic()
    with held(lending.database), pytest.raises(DatabaseInUse):
        lc_ibis.show("account_summary", database=lending.database, wait=0.3)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_wait_is_a_number_of_seconds(lending: Lending, seconds: float) -> None:
    with pytest.raises(SettingsError, match="wait"):
        lending.build(wait=seconds)


def test_a_database_that_nobody_has_any_more_is_not_open(lending: Lending) -> None:
    """As in a notebook, where the name is given to something else."""
    lending.load([ALICE], [SAVINGS])
    p = lc_ibis.connect(lending.database)
    assert p.table("account_summary").count().execute() == 1
    del p
    gc.collect()
    assert lending.build().status == "unchanged"


def test_what_this_process_has_open_is_named_with_who_opened_it(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(lending.database) as p:
        assert lc_ibis.show("account_summary", database=lending.database)
        with pytest.raises(DatabaseInUse) as refused:
            lending.build()
        assert p.table("account_summary").count().execute() == 1
    opened = f"opened by {Path(__file__)}, line "
    assert f"in use by this process itself ({os.getpid()}), {opened}" in str(refused.value)
    assert "Close it first with p.close()" in str(refused.value)
    assert lending.build().status == "unchanged"


def test_what_this_process_has_open_in_another_way_is_named(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    for read_only in (False, True):
        with duckdb.connect(str(lending.database), read_only=read_only), pytest.raises(DatabaseInUse) as refused:
            lending.build()
        assert "not opened by lc-ibis" in str(refused.value)


def test_a_build_waits_until_another_thread_has_closed_the_database(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    p = lc_ibis.connect(lending.database)
    closing = threading.Timer(1.0, p.close)
    closing.start()
    assert lending.build(wait=HANGING).status == "unchanged"
    closing.join()


def test_what_is_closed_says_so(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    p = lc_ibis.connect(lending.database)
    p.close()
    p.close()
    for asked in (lambda: p.table("account_summary"), lambda: p.runs(), lambda: p.con, lambda: verified(p)):
        with pytest.raises(DatabaseError, match=r"it was closed. Open it again: p = lc_ibis.connect\(…\)"):
            asked()


def test_who_builds_parquet_tables_is_named_too(tmp_path: Path) -> None:
    lock = locked(tmp_path / "tables")
    try:
        code = "from pathlib import Path; from lc_ibis.backends.spark.manifest import locked; locked(Path('tables'))"
        ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    finally:
        lock.release()
    assert f"DatabaseInUse: tables: in use by process {os.getpid()} (" in ended.stderr


# A copy for readers ------------------------------------------------------------------------------


def test_readers_read_while_a_build_runs(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = lending.root / "readers.duckdb"
    lending.load([ALICE], [SAVINGS], publish=copy)
    seen: list[object] = []
    write = pending.PendingFiles.write

    def looking(*given: object) -> None:
        code = f"import lc_ibis; print(lc_ibis.show('stg_account', database={str(copy)!r})[0]['balance_amount'])"
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seen.append(ended.stdout.strip())
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pending.PendingFiles, "write", looking)
    run = lending.load(accounts=[CHANGED], publish=copy)
    assert seen == ["5000.00"]
    assert copy in run.outputs
    assert lc_ibis.show("stg_account", database=copy)[0]["balance_amount"] == 7000


def test_who_has_the_copy_open_goes_on_with_what_it_is(lending: Lending) -> None:
    copy = lending.root / "readers.duckdb"
    lending.load([ALICE], [SAVINGS], publish=copy)
    with duckdb.connect(str(copy), read_only=True) as reader:
        lending.load(accounts=[CHANGED], publish=copy)
        assert reader.execute("SELECT balance_amount FROM staging.stg_account").fetchall() == [(5000,)]
    assert lc_ibis.show("stg_account", database=copy)[0]["balance_amount"] == 7000


def test_a_copy_that_is_there_is_left_alone_and_one_that_is_not_is_made(lending: Lending) -> None:
    copy = lending.root / "readers.duckdb"
    lending.load([ALICE], [SAVINGS], publish=copy)
    made = copy.stat().st_mtime_ns
    run = lending.build(publish=copy)
    assert run.outputs == []
    assert copy.stat().st_mtime_ns == made
    copy.unlink()
    assert lending.build(publish=copy).outputs == [copy]
    lending.load(accounts=[CHANGED])  # without a copy
    assert lending.build(publish=copy).outputs == [copy]
    assert lc_ibis.runs(database=copy)[0].run_id == 2


def test_no_other_process_builds_while_the_copy_is_made(lending: Lending) -> None:
    """Closing any descriptor of the database's file would let go of its lock."""
    lending.load([ALICE], [SAVINGS], publish=lending.root / "readers.duckdb")
    from lc_ibis.backends.duckdb.tables import DuckDB

    code = f"import duckdb; duckdb.connect({str(lending.database)!r})"
    with DuckDB(lending.database) as store:
        store.copy(lending.root / "another.duckdb")
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Conflicting lock" in ended.stderr
    assert not subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.parametrize("what", ["text", "directory", "other database"])
def test_what_no_build_has_made_is_not_replaced(lending: Lending, what: str) -> None:
    place = lending.root / "mine"
    if what == "directory":
        place.mkdir()
    elif what == "text":
        place.write_text("mine", encoding="utf-8")
    else:
        with duckdb.connect(str(place)) as con:
            con.execute("CREATE TABLE t AS SELECT 1")
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(OutputError, match="mine"):
        lending.build(publish=place)
    assert not lending.database.exists()


def test_the_database_itself_is_no_copy(lending: Lending) -> None:
    (lending.root / "link.duckdb").symlink_to(lending.database)
    for place in (lending.database, lending.root / "link.duckdb"):
        with pytest.raises(SettingsError, match="is the database itself"):
            lending.build(publish=place)


def test_a_copy_that_cannot_be_written_is_said_and_made_by_the_next_build(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = lending.root / "readers.duckdb"
    lending.deliver([ALICE], [SAVINGS])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lc_ibis.backends.duckdb.file.copied", full)
        with pytest.raises(
            OutputError, match="The tables are published, but the copy for readers cannot be written.*No space left"
        ):
            lending.build(publish=copy)
    assert not list(lending.root.glob(".readers*"))
    assert lending.build(publish=copy).outputs == [copy]
    assert published._last_run(copy)
