"""Law 5 (docs/laws.md): a build that fails or is killed leaves everything as it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import duckdb
import pytest

import lc_ibis
from lc_ibis.backends.duckdb.file import DatabaseFile
from lc_ibis.engine.state.state import State
from lc_ibis.errors import (
    ChecksFailed,
    DatabaseError,
    DatabaseInUse,
    ExtractError,
    LcIbisError,
    MassDeleteError,
    SelectionError,
)
from lc_ibis.outputs import pending
from tests.conftest import ALICE, SAVINGS, Lending

CHANGED = ("A1", "1", "7000.00", "Savings")
HUGE = ("A2", "1", "9999999999999999.99", "Savings")


@pytest.mark.usefixtures("any_amount")
def test_a_failing_check_publishes_nothing_and_says_which_rows(lending: Lending) -> None:
    """A balance that fits, but not with its interest: no table can hold the new balance."""
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    with pytest.raises(
        ChecksFailed,
        match="account_summary: 1 row fails not_null_new_balance_amount, by account_id, new_balance_amount: A2 null",
    ):
        lending.load(accounts=[CHANGED, HUGE])
    assert lending.files() == before

    latest = sorted(lending.reports.glob("*.json"))[-1]
    report = json.loads(latest.read_text())
    assert report["status"] == "failed"
    failing = {failure["check"]: failure for failure in report["failures"] if failure["severity"] == "error"}
    assert failing["not_null_new_balance_amount"]["examples"] == [{"account_id": "A2", "new_balance_amount": None}]


def test_a_file_that_cannot_be_read_changes_nothing(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    (lending.inputs / "accounts.csv").write_text('AccountID,CustomerID,Balance,AccountType\nA1,1,"5,Savings\n')
    with pytest.raises(ExtractError, match="line 2"):
        lending.build()
    assert lending.files() == before


def test_a_truncated_extract_does_not_close_the_bank(lending: Lending) -> None:
    accounts = [(f"A{i}", "1", "10", "Savings") for i in range(10)]
    lending.load([ALICE], accounts)
    before = lending.files()
    lending.deliver(accounts=accounts[:4])
    with pytest.raises(MassDeleteError, match=r"snap_account: 6 of 10 current keys \(account_id\) are missing"):
        lending.build()
    assert lending.files() == before
    lending.build(max_delete_share=0.6)
    assert len(lending.rows("account_summary")) == 4


def test_half_of_the_keys_may_go_and_all_of_them_with_the_flag(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "5", "Savings")])
    lending.deliver(accounts=[SAVINGS])
    lending.build()
    lending.deliver(accounts=[("A9", "1", "5", "Savings")])
    with pytest.raises(MassDeleteError, match="--allow-mass-delete"):
        lending.build()
    lending.build(allow_mass_delete=True)
    assert lending.rows("account_summary", "account_id") == ["A9"]


def test_an_empty_extract_is_refused(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    with pytest.raises(ExtractError, match="accounts.csv: the extract has no rows"):
        lending.load(accounts=[])
    assert lending.files() == before


@pytest.mark.usefixtures("any_amount")
def test_a_first_build_that_fails_leaves_no_database(lending: Lending) -> None:
    lending.deliver([ALICE], [HUGE])
    with pytest.raises(ChecksFailed):
        lending.build()
    assert lending.files() == {}


def test_an_error_while_writing_outputs_changes_nothing(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pending, "digest_of", no_room)
    with pytest.raises(LcIbisError, match="No space left"):
        lending.load(accounts=[CHANGED])
    assert lending.files() == before
    assert not list(lending.outputs.glob(".*"))


_KILLED_AT = """
import os, signal, sys
import lc_ibis.api.build
import lc_ibis.{module} as module
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
module.{target} = die
lc_ibis.build(database={database!r}, inputs={inputs!r}, outputs={outputs!r}, reports={reports!r})
"""


def _killed(lending: Lending, module: str, target: str) -> None:
    places = {name: str(path) for name, path in lending.places().items()}
    code = _KILLED_AT.format(module=module, target=target, **places)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=lending.root)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("engine.refresh.writing", "Writer.versions"),
        ("outputs.pending", "PendingFiles.write"),
        ("engine.state.state", "State.write"),
    ],
)
def test_a_build_killed_before_its_commit_leaves_the_old_tables(lending: Lending, module: str, target: str) -> None:
    lending.load([ALICE], [SAVINGS])
    tables, outputs = lending.contents(), (lending.outputs / "account_summary.csv").read_bytes()
    lending.deliver(accounts=[CHANGED])
    _killed(lending, module, target)
    assert lending.contents() == tables
    assert (lending.outputs / "account_summary.csv").read_bytes() == outputs
    assert lending.build().status == "built"
    assert [str(a) for a in lending.rows("account_summary", "original_balance_amount")] == ["7000.00"]


def test_outputs_follow_after_a_kill_between_commit_and_move(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.deliver(accounts=[CHANGED])
    _killed(lending, "outputs.pending", "PendingFiles.publish")
    assert b"5000.00" in (lending.outputs / "account_summary.csv").read_bytes()
    run = lending.build()
    assert {path.name for path in run.outputs} >= {"account_summary.csv", "account_summary.parquet"}
    assert b"7000.00" in (lending.outputs / "account_summary.csv").read_bytes()
    assert not list(lending.outputs.glob(".*"))
    assert lending.build().status == "unchanged"


def test_an_output_that_was_deleted_or_edited_is_written_again(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    (lending.outputs / "customer_profile.csv").unlink()
    (lending.outputs / "account_summary.csv").write_text("edited")
    run = lending.build()
    assert sorted(path.name for path in run.outputs) == ["account_summary.csv", "customer_profile.csv"]
    assert lending.files() == before


def test_a_database_in_use_is_a_clear_error(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(lending.database)!r}); print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(DatabaseError, match=f"in use by process {holder.pid}"):
            lending.build()
    finally:
        holder.communicate("\n")


def test_a_file_that_is_no_database_is_left_alone(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    lending.database.write_text("my notes")
    with pytest.raises(DatabaseError, match="DuckDB cannot open it"):
        lending.build()
    assert lending.database.read_text() == "my notes"


def test_tables_of_something_else_are_not_touched(lending: Lending) -> None:
    with duckdb.connect(str(lending.database)) as other:
        other.execute("CREATE SCHEMA marts; CREATE TABLE marts.account_summary AS SELECT 1 AS mine")
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(
        DatabaseError, match=r"marts.account_summary: this table already exists and was not created by lc-ibis"
    ):
        lending.build()
    with duckdb.connect(str(lending.database)) as other:
        assert other.execute("FROM marts.account_summary").fetchall() == [(1,)]


def test_a_database_named_like_a_layer_works(lending: Lending) -> None:
    lending.database = lending.root / "staging.duckdb"
    lending.load([ALICE], [SAVINGS])
    assert lending.load(accounts=[CHANGED]).status == "built"


def test_a_partial_build_leaves_the_rest_and_the_next_one_catches_up(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    run = lending.load(accounts=[CHANGED], select=("source", "staging"))
    assert {table.layer for table in run.tables} == {"source", "staging"}
    assert run.ledger == []
    assert [str(a) for a in lending.rows("account_summary", "original_balance_amount")] == ["5000.00"]
    skipped = {r.reason for r in lc_ibis.test(database=lending.database).checks if r.status == "skip"}
    assert "snap_account is older than stg_account" in skipped
    lending.build()
    assert [str(a) for a in lending.rows("account_summary", "original_balance_amount")] == ["7000.00"]


def test_a_selection_without_what_it_reads_is_refused(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(DatabaseError, match="int_savings_account_only is not built yet"):
        lending.build(select=("marts",))
    assert lending.build(select=("+account_summary",)).status == "built"


def test_time_never_runs_backwards(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import datetime

    first = lending.load([ALICE], [SAVINGS])
    monkeypatch.setattr("lc_ibis.engine.state.state.utc_now", lambda: datetime(2001, 1, 1))
    second = lending.load(accounts=[CHANGED])
    assert second.run_at > first.run_at


def test_state_is_written_with_the_data(lending: Lending) -> None:
    run = lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(lending.database) as warehouse:
        state = State.read(warehouse.store)
    assert state.last_run == (1, run.run_at)
    assert state.tables["account_summary"].inputs == {"int_savings_account_only": 1}
    assert state.tables["account_summary"].row_count == 1


def test_reports_and_database_directories_that_cannot_be_made(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    blocker = lending.root / "file"
    blocker.write_text("")
    lending.database = blocker / "lc.duckdb"
    with pytest.raises(DatabaseError, match="cannot create"):
        lending.build()
    lending.database, lending.reports = lending.root / "lc.duckdb", blocker / "reports"
    with pytest.raises(LcIbisError, match="cannot create the directory of reports"):
        lending.build()
    assert not lending.database.exists()


@pytest.mark.parametrize("left_out", ["quarantine_stg_account", "stg_account"])
def test_a_history_takes_rows_and_refusals_of_one_load_only(lending: Lending, left_out: str) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "1", "Savings")])
    lending.deliver([ALICE], [("A1", "1", "abc", "Savings"), ("A2", "1", "1", "Savings")])
    before = lending.files()
    with pytest.raises(SelectionError, match=f"{left_out} was built from another load of src_account"):
        lending.build(exclude=(left_out,))
    assert lending.files() == before
    lending.build(select=("source", "staging"), exclude=(left_out,))
    with pytest.raises(SelectionError, match=f"Select {left_out} too"):
        lending.build(select=("snapshots",))
    lending.build()
    assert lending.rows("account_summary", "account_id") == ["A1", "A2"]


@pytest.mark.parametrize("table", ["marts.account_summary", "snapshots.snap_account", "state.tables"])
def test_a_table_that_was_dropped_is_named(lending: Lending, table: str) -> None:
    lending.load([ALICE], [SAVINGS])
    with duckdb.connect(lending.database) as con:
        con.execute(f"DROP TABLE {table}")
    for command in (lending.build, lambda: lending.rows("src_account"), lambda: lc_ibis.plan(**lending.places())):
        with pytest.raises(DatabaseError, match=f"{table.split('.')[1]}: dropped from the database"):
            command()


# What killed processes leave -----------------------------------------------------------------------


def test_what_was_put_aside_by_a_killed_build_is_gone_after_the_next(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    aside = lending.root / "lc.duckdb.tmp"
    aside.mkdir()
    (aside / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"rows")
    (lending.root / "lc.duckdb.new").write_bytes(b"cut off")
    assert lending.build().status == "unchanged"
    assert not aside.exists()
    lending.load(accounts=[CHANGED])
    assert not (lending.root / "lc.duckdb.new").exists()


def test_what_does_not_fit_into_memory_is_gone_after_a_build_and_after_one_that_failed(lending: Lending) -> None:
    accounts = [(f"A{n}", "1", f"{n}.00", "Savings") for n in range(60_000)]
    lending.load([ALICE], accounts, memory_limit="60MB", threads=1)
    assert not (lending.root / "lc.duckdb.tmp").exists()
    lending.deliver(accounts=[(a, b, "none", d) for a, b, _, d in accounts])
    with pytest.raises(LcIbisError):
        lending.build(memory_limit="60MB", threads=1, max_refused_share=0.5)
    assert not (lending.root / "lc.duckdb.tmp").exists()


def test_a_database_that_another_process_makes_meanwhile_is_left_alone(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.deliver([ALICE], [SAVINGS])
    made = DatabaseFile._make

    def late(self: DatabaseFile) -> None:
        lending.database.write_bytes(b"another's")
        made(self)

    monkeypatch.setattr(DatabaseFile, "_make", late)
    with pytest.raises(DatabaseInUse, match="another process created it meanwhile"):
        lending.build()
    assert lending.database.read_bytes() == b"another's"
    assert not list(lending.root.glob(".lc*"))
