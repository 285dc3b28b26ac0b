"""Histories with faults: refused with the keys, repaired by name, cleaned where asked; and whole migrations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from typing import Any

import duckdb
import pytest

from lc_ibis.errors import MassDeleteError, MigrationError, SettingsError
from lc_ibis.migrations.old import OldDatabase
from tests import dbt_histories as dbt
from tests.conftest import Lending
from tests.dbt_histories import Config, Row
from tests.histories import (
    BACK,
    BEFORE,
    DAY,
    GONE,
    OLD,
    RAW,
    adopted_by,
    kept,
    moving_with,
    old_with,
    read_of,
    returned,
)
from tests.migrating import Moving, reasons
from tests.old_databases import ACCOUNTS, CUSTOMERS, FIRST_LOAD, five_layers, three_layers


def test_a_key_that_came_back_with_its_old_time_is_refused_by_name(lending: Lending) -> None:
    config = Config("timestamp", "new_record")
    with pytest.raises(MigrationError) as caught:
        read_of(old_with(lending, returned(config), config))
    said = str(caught.value)
    assert "an id shared with another version, of 1 customer_id: 2" in said
    assert "a version that ends before it starts, of 1 customer_id: 2" in said
    assert "--repair returned-keys fixes 2 of these versions" in said


@pytest.mark.parametrize(("deletes", "begins"), [("new_record", GONE + dbt.MOMENT), ("invalidate", GONE)])
def test_a_key_that_came_back_is_repaired_by_name_and_taken_back(
    lending: Lending, deletes: Any, begins: datetime
) -> None:
    config = Config("timestamp", deletes)
    moving = moving_with(lending, returned(config), config)
    [phase] = moving.call("plan", moving.old, phases=(2,), adopt_snapshots=True, repairs=("returned-keys",))
    planned = [(row.key, row.column, row.new) for row in phase.rows if row.reason.startswith("repair returned-keys")]
    assert [row for row in adopted_by(moving, repairs=["returned-keys"]) if row[0] == 2] == [
        (2, "bob", BEFORE, GONE), (2, "bob", begins, None),
    ]  # fmt: skip
    [(first,), (second,)] = moving.query("SELECT dbt_scd_id FROM snapshots.snap_customer WHERE customer_id = 2 ORDER BY dbt_valid_from")  # fmt: skip
    assert first == dbt.scd_id(2, BEFORE)
    assert second == md5(f"2|{begins:%Y-%m-%d %H:%M:%S.%f}".encode()).hexdigest()
    made = [(one.key, one.column, one.old, one.new) for one in moving.call("changes")]
    assert ("2", "dbt_scd_id", first, second) in made
    assert ("2", "dbt_valid_from", str(BEFORE), str(begins)) in made
    assert planned == [(key, column, new) for key, column, _, new in made]
    moving.rollback(2)
    with pytest.raises(MigrationError, match="no dbt snapshot was adopted"):
        moving.call("changes")


def test_a_version_within_another_is_never_repaired(lending: Lending) -> None:
    """Which of two was true at that time is not known."""
    rows = kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows.append(Row(1, ("alys", True), BEFORE, "other", GONE, GONE, BACK))
    with pytest.raises(MigrationError, match="versions that overlap, of 1 customer_id: 1$") as caught:
        read_of(old_with(lending, rows, Config()), repairs=("returned-keys", "overlaps", "doubles"))
    assert "mends" not in str(caught.value)


def test_a_version_that_is_there_twice_is_kept_once(lending: Lending) -> None:
    rows = kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    path = old_with(lending, [*rows, rows[1]], Config())
    with pytest.raises(MigrationError, match="--repair doubles fixes 1"):
        read_of(path)
    found = read_of(path, repairs=("doubles",))
    assert [row["customer_id"] for row in found.customers] == [1, 2, 3]
    [change] = found.changes
    assert (change.key, change.column, change.new, change.reason) == ("2", None, None, "repair doubles")


def test_versions_that_staging_would_write_otherwise_are_named_or_cleaned(lending: Lending) -> None:
    path = old_with(lending, sql=RAW)
    said = "account_type differs from staging's cleaning in 2 of the versions: 'Savings ' → 'savings'"
    with pytest.raises(MigrationError, match=said):
        read_of(path)
    found = read_of(path, clean_versions=True)
    assert {row["account_type"] for row in found.accounts} == {"checking", "savings"}
    [change] = found.changes
    assert (change.key, change.column, change.old, change.new) == ("2 versions", "account_type", "Savings ", "savings")


def test_old_marts_that_passed_over_raw_values_are_explained_once_they_are_cleaned(lending: Lending) -> None:
    """Their filter on savings did not find 'Savings ', so they lack these accounts."""
    moving = moving_with(
        lending, sql=RAW + "DELETE FROM main_marts.account_summary; DELETE FROM main_marts.customer_profile;"
    )
    moving.apply(adopt_snapshots=True, clean_versions=True)
    found = moving.call("validate")
    assert [(d.key, d.reason) for t in found.tables for d in t.differences if d.table.endswith("account_summary")] == [
        ("A1", "the old history has its type as 'Savings ', which its mart does not take for savings"),
        ("A2", "the old history has its type as 'Savings ', which its mart does not take for savings"),
        ("A4", None),
    ]
    assert [d.key for t in found.tables for d in t.unexplained] == ["A4", "3"]


def test_a_version_that_staging_refuses_is_refused_or_held(lending: Lending) -> None:
    """Its key's version before goes on, as when such a row is received."""
    two = (CUSTOMERS, ACCOUNTS)
    path = five_layers(lending.root / OLD, two, two, two)
    with duckdb.connect(str(path)) as con:
        con.execute(
            "UPDATE snapshots.snap_account SET balance_amount = -60 "
            f"WHERE account_id = 'A1' AND dbt_valid_from = '{FIRST_LOAD + DAY}'"
        )
    said = r"a version that staging refuses \(balance is negative: '-60.00'\), of 1 account_id: A1\n  --repair refused-values fixes 2"
    with pytest.raises(MigrationError, match=said):
        read_of(path)
    found = read_of(path, repairs=("refused-values",))
    versions = [
        (r["balance_amount"], r["dbt_valid_from"], r["dbt_valid_to"]) for r in found.accounts if r["account_id"] == "A1"
    ]
    assert versions == [(5000, FIRST_LOAD, FIRST_LOAD + 2 * DAY), (5000, FIRST_LOAD + 2 * DAY, None)]
    assert any("-60.00" in (one.old or "") for one in found.changes)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE DECIMAL(18, 4); UPDATE snapshots.snap_account SET balance_amount = 5000.1289 WHERE account_id = 'A1'", "balance_amount differs from staging's cleaning in 1 of the versions: '5000.1289' → '5000.13'"),
        ("ALTER TABLE snapshots.snap_account ALTER customer_id TYPE DOUBLE; UPDATE snapshots.snap_account SET customer_id = 1.6 WHERE account_id = 'A1'", r"customer_id is not an integer: '1.6'"),
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE VARCHAR; UPDATE snapshots.snap_account SET balance_amount = '5 000' WHERE account_id = 'A1'", "balance is not a plain decimal: '5 000'"),
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE DOUBLE; UPDATE snapshots.snap_account SET balance_amount = 1e17 WHERE account_id = 'A1'", r"does not fit decimal\(18,2\)"),
        ("UPDATE snapshots.snap_account SET account_type = NULL WHERE account_id = 'A1'", "account_type is blank"),
    ],
)  # fmt: skip
def test_no_value_is_cast_to_another(lending: Lending, sql: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        read_of(old_with(lending, sql=sql))


@pytest.mark.parametrize("type_", ["DECIMAL(18, 4)", "DOUBLE", "DECIMAL(38, 2)"])
def test_a_wider_type_of_the_same_values_is_taken_as_it_is(lending: Lending, type_: str) -> None:
    wider = f"ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE {type_}; ALTER TABLE snapshots.snap_account ALTER customer_id TYPE HUGEINT"
    found = read_of(old_with(lending, sql=wider))
    assert sum(row["balance_amount"] for row in found.accounts) == Decimal("40000.60")
    assert not found.changes


def test_the_replaced_projects_own_database_has_five_layers(lending: Lending) -> None:
    """It still holds the raw tables that it grew from."""
    path = five_layers(lending.root / OLD)
    three_layers(lending.root / "three.duckdb")
    with duckdb.connect(str(path)) as con:
        con.execute(f"ATTACH '{lending.root / 'three.duckdb'}' AS three; CREATE SCHEMA raw")
        for table in ("customers_raw", "accounts_raw"):
            con.execute(f"CREATE TABLE raw.{table} AS FROM three.raw.{table}")
    moving = Moving(lending, path)
    done = moving.apply(adopt_snapshots=True)
    assert done[5].details.startswith("10 views")
    assert [table.new_table for table in moving.marts()] == ["marts.account_summary", "marts.customer_profile"]


def test_a_row_that_an_old_mart_kept_of_a_closed_key_is_explained(lending: Lending) -> None:
    """hard_deletes: invalidate, and incremental marts that delete nothing."""
    gone = f"UPDATE snapshots.snap_account SET dbt_valid_to = '{FIRST_LOAD + DAY}' WHERE account_id = 'A4'; DELETE FROM main_source.src_account WHERE account_id = 'A4'"
    moving = moving_with(lending, sql=gone)
    moving.apply(adopt_snapshots=True)
    summary, profile = moving.marts()
    closed = "no received row has it any more; dbt closed its version, and the old mart kept the row"
    assert reasons(summary) == {("A4", None): closed}
    assert set(reasons(profile).values()) == {"follows from A4"}
    assert moving.call("validate").is_valid


def test_times_of_marts_with_a_zone_need_no_other_package(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB gives times with a zone by way of pytz, which a plain install has not."""
    monkeypatch.setitem(__import__("sys").modules, "pytz", None)
    moving = moving_with(lending)
    planned = moving.call("plan", moving.old, adopt_snapshots=True)
    assert [phase.error for phase in planned] == [None] * 7


def test_a_file_of_a_later_duckdb_is_refused_with_the_way_out(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB 1.5.6 on a file of DuckDB 2.0.1."""

    def refuse(*_: Any, **__: Any) -> None:
        raise duckdb.IOException(
            "IO Error: Trying to read a database file with version number 69, but we can only read versions between 64 "
            "and 68.\nThe database file was created with a newer version of DuckDB."
        )

    path = old_with(lending)
    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(
        MigrationError, match=r"a newer version of DuckDB than .* ATTACH .* \(STORAGE_VERSION 'v1.0.0'\)"
    ):
        OldDatabase(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repairs": ("doubles",)}, "--repair works on adopted histories. Add --adopt-snapshots"),
        ({"clean_versions": True}, "--clean-versions works on"),
        ({"adopt_snapshots": True, "repairs": ("all",)}, "repair: all is not one of returned-keys"),
    ],
)  # fmt: skip
def test_options_that_say_nothing_are_refused(lending: Lending, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        moving_with(lending).apply(**options)


def test_a_version_that_ends_as_it_begins_says_nothing_of_any_moment(lending: Lending) -> None:
    """dbt's check strategy with updated_at: a value that changed under the same time."""
    rows = kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows.append(replace(rows[0], values=("al", True), end=BEFORE))
    path = old_with(lending, rows, Config())
    with pytest.raises(
        MigrationError, match="a version that ends before it starts, of 1 customer_id: 1\n.*overlap|--repair doubles"
    ):
        read_of(path)
    assert [row["customer_name"] for row in read_of(path, repairs=("doubles",)).customers] == ["alice", "bob", "carol"]


@pytest.mark.parametrize("again", [{"snapshot_timezone": "Asia/Kolkata"}, {"fold_unchanged": True}, {}])
def test_an_adoption_that_came_no_further_is_taken_back(lending: Lending, again: dict[str, Any]) -> None:
    """The build after it stops at the guard; then nothing was adopted, and what is asked next is what is done."""
    gone = [*ACCOUNTS, *((f"Z{number}", 1, 1.0, "Savings") for number in range(9))]
    path = five_layers(lending.root / OLD, (CUSTOMERS, gone), (CUSTOMERS, ACCOUNTS))
    moving = Moving(lending, path)
    with pytest.raises(MassDeleteError, match="9 of 13 current keys"):
        moving.apply(phases=(1, 2), adopt_snapshots=True)
    assert moving.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'snapshots'") == [(0,)]
    rows = adopted_by(moving, allow_mass_delete=True, **again)
    assert len(rows) == (3 if "fold_unchanged" in again else 6)
    begins = FIRST_LOAD - timedelta(hours=5, minutes=30) if "snapshot_timezone" in again else FIRST_LOAD
    assert rows[0][2] == begins


def test_a_refused_version_that_begins_before_the_one_before_ends_is_held_too(lending: Lending) -> None:
    rows = kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows[0].end = BACK
    rows.append(Row(1, (" ", True), BEFORE, "other", GONE, GONE, None))
    found = read_of(old_with(lending, rows, Config()), repairs=("refused-values",))
    assert found.ends == [None, None, None]
    assert found.customers[0]["customer_name"] == "alice"
    assert "content=('1', ' ', 'true'," in str([one.old for one in found.changes])


def test_the_faults_of_all_histories_are_told_at_once(lending: Lending) -> None:
    moving = moving_with(
        lending, sql=RAW + "UPDATE snapshots.snap_customer SET customer_name = 'Al' WHERE customer_id = 1"
    )
    with pytest.raises(MigrationError, match=r"(?s)snap_customer cannot be adopted.*snap_account cannot be adopted"):
        adopted_by(moving)
