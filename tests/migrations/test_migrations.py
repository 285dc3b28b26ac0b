"""Moving an old database, phase by phase: what is applied, recorded, refused, and how it is seen to be done."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

import lc_ibis
from lc_ibis import migrations
from lc_ibis.errors import ChecksFailed, MassDeleteError, MigrationError, SettingsError
from lc_ibis.migrations.inputs import text
from tests.conftest import Lending
from tests.migrating import Moving, Templates
from tests.old_databases import (
    ACCOUNTS,
    CUSTOMERS,
    DIRTY_ACCOUNTS,
    DIRTY_CUSTOMERS,
    FIRST_LOAD,
    five_layers,
    three_layers,
)

OLD = "before/old.duckdb"


@pytest.fixture
def moving(lending: Lending) -> Moving:
    """Three layers, clean."""
    return Moving(lending, three_layers(lending.root / OLD))


@pytest.fixture
def applied(lending: Lending, templates: Templates) -> Moving:
    """Three layers, clean, all phases applied."""
    return templates.copy(lending, "three", three_layers)


@pytest.fixture
def applied_dirty(lending: Lending, templates: Templates) -> Moving:
    """Three layers with rows that are refused today, all phases applied."""
    return templates.copy(lending, "dirty", lambda path: three_layers(path, DIRTY_CUSTOMERS, DIRTY_ACCOUNTS))


@pytest.fixture
def dirty(lending: Lending) -> Moving:
    """Three layers, with rows that are refused today."""
    return Moving(lending, three_layers(lending.root / OLD, DIRTY_CUSTOMERS, DIRTY_ACCOUNTS))


def test_all_phases_are_applied_in_order_and_recorded(moving: Moving) -> None:
    done = moving.apply()
    assert [phase.action for phase in done] == ["applied"] * 7
    assert moving.statuses() == ["applied"] * 7
    record = moving.call("status")[0].record
    assert (record.name, record.source_kind, record.source_path) == ("source layer", "three layers", str(moving.old))
    assert record.seconds > 0
    assert moving.lending.rows("account_summary", "account_id") == ["A1", "A2", "A4"]
    assert {path.name for path in moving.lending.outputs.iterdir()} >= {
        "account_summary.csv",
        "customer_profile.parquet",
    }


def test_applied_twice_nothing_is_done(applied: Moving) -> None:
    before = applied.lending.files()
    assert {phase.action for phase in applied.apply()} == {"already applied"}
    assert {phase.action for phase in applied.call("apply")} == {"already applied"}  # it knows from where
    assert applied.lending.files() == before


def test_phases_can_be_applied_one_by_one(moving: Moving) -> None:
    for number in (1, 2, 3):
        [done] = moving.apply(phases=(number,))
        assert (done.phase, done.action) == (number, "applied")
        assert moving.statuses() == ["applied"] * number + ["not applied"] * (7 - number)


def test_a_phase_needs_those_before_it(moving: Moving) -> None:
    with pytest.raises(MigrationError, match="Phase 3 needs phase 1"):
        moving.apply(phases=(3,))
    assert not moving.lending.database.exists()


def test_the_backup_before_each_phase_is_named(moving: Moving) -> None:
    done = moving.apply()
    assert [phase.backup.name for phase in done] == [f"before_phase_{n}" for n in range(1, 8)]
    assert all(phase.backup.is_dir() for phase in done)
    assert (done[1].backup / "backup" / "backup.json").exists()


def test_the_first_ordinary_build_finds_only_real_differences(applied: Moving) -> None:
    """Extracts write the same balances otherwise; only the account that really changed has a new version."""
    accounts = [(a, str(c), f"{b:.2f}", t) for a, c, b, t in ACCOUNTS[:-1]]
    applied.lending.deliver(
        [(str(i), name, loan or "") for i, name, loan in CUSTOMERS], [*accounts, ("A4", "3", "0.20", "Savings")]
    )
    run = applied.lending.build()
    changed = {
        t.table: t.written.added_count for t in run.tables if t.layer in ("snapshots", "marts") and t.written.anything
    }
    assert changed == {"snap_account": 1, "account_summary": 0, "customer_profile": 0}
    assert applied.lending.rows("snap_account", "account_id") == ["A1", "A2", "A3", "A4", "A4"]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (5000.0, "5000.0"), (0.1, "0.1"), (1e16, "10000000000000000"), (1.5e-7, "0.00000015"), (-2.5e-10, "-0.00000000025"),
        (123456789.01, "123456789.01"), (float("nan"), "nan"), (float("-inf"), "-inf"), (-1.25e20, "-125000000000000000000"),
    ],
)  # fmt: skip
def test_a_double_is_written_as_its_shortest_decimal(number: float, written: str) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT CAST(? AS DOUBLE) AS x", [number])
        assert con.execute(f"SELECT {text('x', 'DOUBLE')} FROM t").fetchall() == [(written,)]


def test_what_staging_refuses_is_in_quarantine_with_the_value(applied_dirty: Moving) -> None:
    refused = dict(applied_dirty.lending.rows("quarantine_stg_account", "account_id", "failure_reason"))
    assert refused["A14"] == "balance is not a plain decimal: 'nan'"
    assert refused["A15"] == "balance does not fit decimal(18,2): '100000000000000000'"
    assert refused["A7"] == "balance is blank: null"


def test_texts_come_out_as_they_went_in(lending: Lending) -> None:
    odd = [("A,\n1'\"", 1, 1.0, "Savings"), ("", 1, 2.0, " savings"), ("NULL", 1, 3.0, "checking")]
    moving = Moving(lending, three_layers(lending.root / "it's an old; %20 database.duckdb", [(1, "Zoë\t", "\n")], odd))
    moving.apply()
    assert lending.rows("src_account", "account_id") == ["A,\n1'\"", "NULL", None]  # of an extract, empty is none
    assert lending.rows("src_customer", "name", "has_loan") == [("Zoë\t", "\n")]


def test_a_database_called_like_a_schema_can_be_migrated_from(lending: Lending) -> None:
    made = three_layers(lending.root / OLD)
    moving = Moving(lending, made.rename(made.with_name("raw.duckdb")))
    moving.apply()
    assert [table.status for table in moving.marts()] == ["equal"]


def test_too_many_refusals_stop_phase_2_and_what_was_applied_stays(dirty: Moving) -> None:
    with pytest.raises(ChecksFailed, match="few_refused"):
        dirty.apply(max_refused_share=0.1)
    assert dirty.statuses() == ["applied", "interrupted", *["not applied"] * 5]
    dirty.apply(max_refused_share=1.0)
    assert dirty.statuses() == ["applied"] * 7


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "CREATE TABLE t (a INTEGER)",
            r"Looked for \(.*three layers: raw.customers_raw and raw.accounts_raw.*there is main.t",
        ),
        ("SELECT 1", "there is no table"),
    ],
)
def test_another_database_is_refused_with_what_is_in_it(lending: Lending, sql: str, said: str) -> None:
    with duckdb.connect(str(lending.root / "other.duckdb")) as con:
        con.execute(sql)
    with pytest.raises(MigrationError, match=said):
        Moving(lending, lending.root / "other.duckdb").apply()
    assert not lending.database.exists()


def test_a_missing_column_is_named(lending: Lending) -> None:
    old = three_layers(lending.root / OLD)
    with duckdb.connect(str(old)) as con:
        con.execute("ALTER TABLE raw.customers_raw RENAME HasLoan TO Loan")
    with pytest.raises(
        MigrationError, match=r"raw.customers_raw has the columns CustomerID, Name, Loan; there is no HasLoan"
    ):
        Moving(lending, old).apply()


def test_what_cannot_be_migrated_from_is_said(lending: Lending) -> None:
    with pytest.raises(MigrationError, match="no old database found"):
        migrations.apply(lending.root / "none.duckdb", database=lending.database)
    (lending.root / "notes.duckdb").write_text("my notes")
    with pytest.raises(MigrationError, match="DuckDB cannot open the old database"):
        migrations.apply(lending.root / "notes.duckdb", database=lending.database)
    with pytest.raises(MigrationError, match="Name it with --from"):
        migrations.apply(database=lending.database)


def test_the_old_database_cannot_be_the_new_one(moving: Moving) -> None:
    link = moving.lending.root / "link.duckdb"
    link.symlink_to(moving.old)
    for database in (moving.old, link, Path("before") / ".." / "before" / "old.duckdb"):
        with pytest.raises(MigrationError, match="the new database"):
            migrations.apply(moving.old, database=database, outputs=moving.lending.outputs)


def test_an_old_database_that_changed_since_phase_1_is_refused(lending: Lending) -> None:
    old = three_layers(lending.root / OLD)
    Moving(lending, old).apply(phases=(1,))
    with duckdb.connect(str(old)) as con:
        con.execute("DELETE FROM raw.accounts_raw WHERE AccountID = 'A1'")
    moving = Moving(lending, old)
    with pytest.raises(MigrationError, match="has changed since phase 1 loaded its rows"):
        moving.apply(phases=(2,))
    assert "The old database has changed" in moving.call("validate").notes[0]


def test_other_backends_have_no_migration(moving: Moving) -> None:
    with pytest.raises(SettingsError, match="migrations work on DuckDB databases only"):
        migrations.apply(moving.old, backend="spark", database=moving.lending.database)


def test_a_phase_that_does_not_exist_is_refused(moving: Moving) -> None:
    with pytest.raises(SettingsError, match="phase: 8 is not a phase. Choose 1 to 7"):
        moving.apply(phases=(8,))
    with pytest.raises(SettingsError, match="Add --adopt-snapshots"):
        moving.apply(fold_unchanged=True)


def test_a_view_on_the_old_names_gives_the_old_rows(applied: Moving) -> None:
    with duckdb.connect(str(applied.old), read_only=True) as con:
        for name in ("main_marts.account_summary", "main_staging.stg_accounts__cleaned", "raw.accounts_raw"):
            described = con.execute(f"DESCRIBE {name}").fetchall()
            assert applied.query(f"DESCRIBE {name}") == described
            assert applied.query(f"FROM {name} ORDER BY ALL") == con.execute(f"FROM {name} ORDER BY ALL").fetchall()
    rows = applied.query("SELECT customer_id, name, has_loan FROM main_staging.stg_customers__cleaned ORDER BY 1")
    assert rows == [(1, "alice", "Yes"), (2, "bob", "No"), (3, "carol", "No")]
    [joined] = applied.query("FROM main_intermediate.int_accounts__with_customer WHERE account_id = 'A1'")
    assert joined == ("A1", 1, Decimal("5000.00"), "Savings", "alice", "Yes")


def test_views_follow_the_tables_and_survive_any_name_of_the_file(applied: Moving) -> None:
    applied.lending.load([("1", "Alice", "No")], [("A1", "1", "7000", "Savings")])
    moved = applied.lending.database.rename(applied.lending.root / "moved.duckdb")
    name = "main_marts.account_summary"
    with duckdb.connect(str(moved), read_only=True) as con:
        assert con.execute(f"SELECT new_balance FROM {name}").fetchall() == [(Decimal("7070.00"),)]
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{moved}' AS elsewhere (READ_ONLY)")
        assert con.execute(f"SELECT new_balance FROM elsewhere.{name}").fetchall() == [(Decimal("7070.00"),)]
    with lc_ibis.connect(moved) as warehouse:
        assert warehouse.con.raw_sql(f"SELECT new_balance FROM {name}").fetchall() == [(Decimal("7070.00"),)]


def test_dropped_views_leave_nothing_behind(applied: Moving) -> None:
    applied.rollback(6)
    before = {name for name in applied.contents() if name.startswith("view ")}, applied.contents()["schemas"]
    applied.apply()
    assert len(applied.call("drop_aliases")) == 7
    after = applied.contents()
    assert ({name for name in after if name.startswith("view ")}, after["schemas"]) == before
    assert applied.call("drop_aliases") == []
    assert not any(phase.problems for phase in applied.call("validate").phases)


def test_a_value_that_does_not_fit_an_old_type_is_said(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / OLD, accounts=[("A1", 1, 123456789.5, "Savings")]))
    done = moving.apply()
    assert "1 values do not fit main_staging.stg_accounts__cleaned.balance DECIMAL(10,2)" in done[5].details
    assert moving.query("SELECT balance FROM main_staging.stg_accounts__cleaned") == [(None,)]


def test_a_table_of_others_under_an_old_name_stops_phase_6(applied: Moving) -> None:
    applied.rollback(6)
    with duckdb.connect(str(applied.lending.database)) as con:
        con.execute("CREATE SCHEMA main_marts; CREATE TABLE main_marts.account_summary AS SELECT 1 AS mine")
    with pytest.raises(
        MigrationError, match=r"main_marts.account_summary already exists and was not created by lc-ibis"
    ):
        applied.apply()
    assert applied.query("FROM main_marts.account_summary") == [(1,)]
    assert applied.query("SELECT count(*) FROM duckdb_views() WHERE NOT internal") == [(0,)]


def test_a_broken_phase_does_not_count_as_applied(moving: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    from lc_ibis.migrations import phases

    monkeypatch.setattr(phases, "_built", lambda run: _spoil(moving))
    with pytest.raises(MigrationError, match=r"(?s)so it is not applied:.*src_customer: 2 rows differ from the old"):
        moving.apply(phases=(1,))
    assert moving.statuses()[0] == "interrupted"


def _spoil(moving: Moving) -> str:
    with duckdb.connect(str(moving.lending.database)) as con:
        con.execute("UPDATE source.src_customer SET name = 'Mallory' WHERE customer_id = '1'")
    return ""


def test_phase_5_names_a_column_that_is_not_its_contracts(applied: Moving) -> None:
    applied.rollback(5)
    with duckdb.connect(str(applied.lending.database)) as con:
        con.execute("ALTER TABLE marts.account_summary ALTER original_balance_amount TYPE DOUBLE")
    with pytest.raises(MigrationError, match="account_summary.original_balance_amount: contract says decimal"):
        applied.apply()


def test_phase_7_writes_the_report_of_all_checks(applied_dirty: Moving) -> None:
    details = applied_dirty.call("status")[-1].record.details
    assert "3 of them warn" in details
    report = json.loads((applied_dirty.lending.reports / details.split()[-1]).read_text())
    assert report["status"] == "passed"
    assert {check["scope"] for check in report["checks"]} == {"all rows"}


def test_a_migration_into_tables_that_are_there_goes_on_from_them(moving: Moving) -> None:
    moving.lending.load([("9", "Zed", "No")], [("A9", "9", "1", "Savings")])
    before = moving.contents()
    with pytest.raises(MassDeleteError):
        moving.apply()
    moving.apply(allow_mass_delete=True)
    assert moving.lending.rows("account_summary", "account_id") == ["A1", "A2", "A4"]
    assert [v["dbt_valid_to"] is None for v in moving.lending.rows("snap_customer")] == [True, True, True, False]
    moving.rollback()
    assert moving.contents() == before


def test_five_layers_by_dbt_begin_new_histories_unless_told_otherwise(lending: Lending) -> None:
    moving = Moving(lending, five_layers(lending.root / OLD))
    moving.apply()
    assert [table.status for table in moving.marts()] == ["equal", "equal"]
    assert all(row["dbt_valid_from"] > FIRST_LOAD for row in lending.rows("snap_customer"))
    assert moving.query("SELECT count(calculated_at) FROM main_marts.customer_profile") == [(3,)]
    assert moving.query("DESCRIBE main_staging.stg_customer")[0][:2] == ("customer_id", "INTEGER")
