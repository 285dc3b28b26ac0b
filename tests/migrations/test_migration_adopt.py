"""Histories begun by dbt are taken over whole, and go on."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lc_ibis.errors import MassDeleteError, MigrationError
from tests.conftest import Lending
from tests.migrating import Moving, reasons
from tests.old_databases import ACCOUNTS, CUSTOMERS, FIRST_LOAD, Row, five_layers, three_layers

OLD = "before/old.duckdb"
DAY = timedelta(days=1)
CARLA: list[Row] = [*CUSTOMERS[:2], (3, "Carla", "Yes")]
VERSION = (
    "customer_id, customer_name, has_loan_flag, loaded_at, dbt_scd_id, dbt_updated_at, dbt_valid_from, dbt_valid_to"
)


def _old(path: Path, sql: str = "") -> Path:
    """Three days: nothing changed, then customer 3; A4 was left out by the last day's extract, A9 came."""
    five_layers(path, (CUSTOMERS, ACCOUNTS), (CUSTOMERS, ACCOUNTS), (CARLA, [*ACCOUNTS[:3], ("A9", 3, 1.0, "savings")]))
    with duckdb.connect(str(path)) as con:
        con.execute(sql)
    return path


def _versions(moving: Moving, table: str, columns: str) -> list[Any]:
    return moving.query(f"SELECT {columns} FROM snapshots.{table} ORDER BY ALL")


def _adopted(lending: Lending, sql: str = "", **options: Any) -> Moving:
    moving = Moving(lending, _old(lending.root / OLD, sql))
    moving.apply(phases=(1, 2), adopt_snapshots=True, **options)
    return moving


def test_every_version_is_taken_over_as_it_was(lending: Lending) -> None:
    moving = _adopted(lending)
    with duckdb.connect(str(moving.old), read_only=True) as con:
        theirs = con.execute(f"SELECT {VERSION} FROM snapshots.snap_customer ORDER BY ALL").fetchall()
    assert _versions(moving, "snap_customer", VERSION) == theirs
    assert len(theirs) == 9
    types = dict(row[:2] for row in moving.query("DESCRIBE snapshots.snap_account"))
    assert (types["customer_id"], types["balance_amount"], types["dbt_valid_from"]) == (
        "BIGINT",
        "DECIMAL(18,2)",
        "TIMESTAMP",
    )


def test_a_key_that_the_last_load_left_out_is_closed_and_the_others_are_not(lending: Lending) -> None:
    """dbt does not close what is gone; here a key that is absent from a full extract is a deletion."""
    moving = _adopted(lending)
    last = _versions(moving, "snap_account", "account_id, dbt_valid_from, dbt_valid_to IS NULL")
    assert [row for row in last if row[1] >= FIRST_LOAD + DAY] == [
        ("A1", FIRST_LOAD + DAY, False), ("A1", FIRST_LOAD + 2 * DAY, True),
        ("A2", FIRST_LOAD + DAY, False), ("A2", FIRST_LOAD + 2 * DAY, True),
        ("A3", FIRST_LOAD + DAY, False), ("A3", FIRST_LOAD + 2 * DAY, True),
        ("A4", FIRST_LOAD + DAY, False), ("A9", FIRST_LOAD + 2 * DAY, True),
    ]  # fmt: skip


def test_the_next_build_goes_on_with_the_history_and_versions_only_what_changed(lending: Lending) -> None:
    moving = _adopted(lending)
    before = _versions(moving, "snap_customer", VERSION), _versions(moving, "snap_account", "dbt_scd_id")
    moving.apply()
    assert (_versions(moving, "snap_customer", VERSION), _versions(moving, "snap_account", "dbt_scd_id")) == before
    customers = [("1", "Alice", "Yes"), ("2", " Bob ", "Yes"), ("3", "Carla", "Yes")]
    accounts = [
        ("A1", "1", "5000.00", "Savings"),
        ("A2", "2", "1", "savings"),
        ("A3", "3", "20000", "Checking"),
        ("A9", "3", "1.0", "savings"),
    ]
    run = lending.load(customers, accounts)
    written = {t.table: (t.written.added_count, t.written.removed_count) for t in run.tables if t.layer == "snapshots"}
    assert written == {"snap_customer": (1, 1), "snap_account": (1, 1), "snap_refusal": (0, 0)}
    [new] = [row for row in lending.rows("snap_customer") if row["dbt_valid_from"] == run.run_at]
    assert (new["customer_id"], new["has_loan_flag"], new["dbt_updated_at"]) == (2, True, run.run_at)
    text = f"2|{run.run_at:%Y-%m-%d %H:%M:%S.%f}"
    assert new["dbt_scd_id"] == hashlib.md5(text.encode()).hexdigest()
    assert lending.build().status == "unchanged"


def test_a_customer_changed_since_dbts_last_snapshot_has_a_new_version(lending: Lending) -> None:
    """Its row was received and not yet taken into the history when dbt's pipeline was left."""
    moving = _adopted(lending, "UPDATE main_source.src_customer SET name = 'Carlotta' WHERE customer_id = '3'")
    rows = _versions(moving, "snap_customer", "customer_id, customer_name, dbt_valid_to IS NULL")
    assert [row for row in rows if row[2]] == [(1, "alice", True), (2, "bob", True), (3, "carlotta", True)]
    assert len(rows) == 10


def test_times_of_the_future_are_refused_and_date_no_run(lending: Lending) -> None:
    """One wrong time in one row would date all later runs."""
    wrong = (
        "UPDATE snapshots.snap_account SET loaded_at = '2062-01-01' WHERE account_id = 'A2' AND dbt_valid_to IS NULL"
    )
    moving = Moving(lending, _old(lending.root / OLD, wrong))
    with pytest.raises(
        MigrationError, match=r"a loaded_at in the future, the latest 2062-01-01 00:00:00, of 1 account_id: A2\n"
    ):
        moving.apply(phases=(1, 2), adopt_snapshots=True)
    with pytest.raises(MigrationError, match="Runs cannot be dated by these times"):
        moving.apply(phases=(2,), adopt_snapshots=True)


def test_unchanged_versions_are_folded_only_on_request_and_counted(lending: Lending) -> None:
    moving = Moving(lending, _old(lending.root / OLD))
    done = moving.apply(phases=(1, 2), adopt_snapshots=True, fold_unchanged=True)
    assert (
        "adopted 4 versions of snap_customer (5 more were folded, being unchanged), 5 versions of snap_account (7 more"
        in done[1].details
    )
    with duckdb.connect(str(moving.old), read_only=True) as con:
        first = con.execute(
            "SELECT customer_id, min(dbt_scd_id) FILTER (dbt_valid_from = ?) FROM snapshots.snap_customer GROUP BY ALL",
            [FIRST_LOAD],
        ).fetchall()
    rows = _versions(moving, "snap_customer", "customer_id, dbt_scd_id, dbt_valid_from, dbt_valid_to")
    ids = dict(first)
    assert [row for row in rows if row[2] == FIRST_LOAD] == [
        (1, ids[1], FIRST_LOAD, None), (2, ids[2], FIRST_LOAD, None), (3, ids[3], FIRST_LOAD, FIRST_LOAD + 2 * DAY),
    ]  # fmt: skip
    moving.apply()
    summary, profile = moving.marts()
    closed = "no received row has it any more; dbt leaves its version open, here it is closed"
    assert reasons(summary) == {("A4", None): closed}
    assert set(reasons(profile).values()) == {"follows from A4"}


def test_a_gap_is_not_folded_over(lending: Lending) -> None:
    """Gone for a day, and back as it was: the gap is part of the history."""
    gap = f"UPDATE snapshots.snap_customer SET dbt_valid_to = dbt_valid_to - INTERVAL 1 HOUR WHERE customer_id = 1 AND dbt_valid_from = '{FIRST_LOAD}'"
    moving = _adopted(lending, gap, fold_unchanged=True)
    rows = _versions(moving, "snap_customer", "customer_id, dbt_valid_from, dbt_valid_to")
    assert [row[1:] for row in rows if row[0] == 1] == [
        (FIRST_LOAD, FIRST_LOAD + DAY - timedelta(hours=1)), (FIRST_LOAD + DAY, None),
    ]  # fmt: skip


def test_a_change_there_and_back_is_not_folded(lending: Lending) -> None:
    path = five_layers(lending.root / OLD, (CUSTOMERS, ACCOUNTS), (CARLA, ACCOUNTS), (CUSTOMERS, ACCOUNTS))
    moving = Moving(lending, path)
    moving.apply(phases=(1, 2), adopt_snapshots=True, fold_unchanged=True)
    rows = _versions(moving, "snap_customer", "customer_id, dbt_valid_from, customer_name")
    assert [row[2] for row in rows if row[0] == 3] == ["carol", "carla", "carol"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE snapshots.snap_customer SET dbt_valid_to = NULL WHERE customer_id = 2", "more than one open version, of 1 customer_id: 2"),
        ("UPDATE snapshots.snap_account SET dbt_valid_to = dbt_valid_to + INTERVAL 1 HOUR WHERE account_id = 'A1'", "versions that overlap, of 1 account_id: A1"),
        ("UPDATE snapshots.snap_account SET dbt_scd_id = 'x' WHERE account_id IN ('A2', 'A3')", "an id shared with another version, of 2 account_id: A2, A3"),
        ("UPDATE snapshots.snap_customer SET customer_name = NULL WHERE customer_id = 1", "a version that staging refuses \\(name is blank: null\\), of 1 customer_id: 1"),
        (f"UPDATE snapshots.snap_customer SET dbt_valid_to = '{FIRST_LOAD}' WHERE customer_id = 3 AND dbt_valid_to IS NOT NULL", "a version that ends before it starts, of 1 customer_id: 3"),
        ("ALTER TABLE snapshots.snap_customer DROP dbt_updated_at", "snapshots.snap_customer has no dbt_updated_at, which snap_customer needs"),
        ("ALTER TABLE snapshots.snap_customer ALTER dbt_valid_from TYPE VARCHAR", "snapshots.snap_customer: dbt_valid_from is VARCHAR, not a time"),
        ("DROP TABLE snapshots.snap_account", "there is no history to adopt as snap_account. Looked for"),
    ],
)  # fmt: skip
def test_a_history_that_is_not_well_formed_is_refused_by_its_keys(lending: Lending, sql: str, said: str) -> None:
    moving = Moving(lending, _old(lending.root / OLD, sql))
    with pytest.raises(MigrationError, match=said):
        moving.apply(phases=(1, 2), adopt_snapshots=True)
    assert moving.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name IN ('staging', 'snapshots')") == [(0,)]


def test_a_column_that_no_history_of_ours_has_is_named_before(lending: Lending) -> None:
    moving = Moving(lending, _old(lending.root / OLD, "ALTER TABLE snapshots.snap_account ADD COLUMN note VARCHAR"))
    [phase] = moving.call("plan", moving.old, phases=(2,), adopt_snapshots=True)
    assert "snapshots.snap_account: note is not migrated; snap_account has no such column." in phase.notes


def test_three_layers_have_no_histories_to_adopt(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / OLD))
    with pytest.raises(MigrationError, match="no history to adopt as snap_customer and none as snap_account"):
        moving.apply(phases=(1, 2), adopt_snapshots=True)


def test_adopting_after_phase_2_is_refused(lending: Lending) -> None:
    moving = Moving(lending, _old(lending.root / OLD))
    moving.apply(phases=(1, 2))
    with pytest.raises(MigrationError, match="Phase 2 is applied without --adopt-snapshots"):
        moving.apply(adopt_snapshots=True)
    moving.rollback(2)
    moving.apply(phases=(2,), adopt_snapshots=True)
    assert moving.query("SELECT count(*) FROM snapshots.snap_customer") == [(9,)]


def test_open_versions_of_keys_long_gone_are_not_closed_without_a_word(lending: Lending) -> None:
    gone: list[Row] = [(f"Z{number}", 1, 1.0, "Savings") for number in range(9)]
    moving = Moving(lending, five_layers(lending.root / OLD, (CUSTOMERS, [*ACCOUNTS, *gone]), (CUSTOMERS, ACCOUNTS)))
    with pytest.raises(MassDeleteError, match="9 of 13 current keys"):
        moving.apply(adopt_snapshots=True)
    moving.apply(adopt_snapshots=True, allow_mass_delete=True)
    assert moving.query("SELECT count(*) FROM snapshots.snap_account WHERE dbt_valid_to IS NULL") == [(4,)]
