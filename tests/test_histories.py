"""Histories as dbt's configurations make them: each is adopted truly, or refused with the way out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lc_ibis.backends import opened
from lc_ibis.engine.state import utc_now
from lc_ibis.errors import MassDeleteError, MigrationError, SettingsError
from lc_ibis.layers import pipeline
from lc_ibis.migrations.mending import Change
from lc_ibis.migrations.migration import adoption
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.recognising import histories
from lc_ibis.migrations.versions import read
from lc_ibis.settings import Settings
from tests import dbt_histories as dbt
from tests.conftest import Lending
from tests.dbt_histories import Config, Row
from tests.migrating import Moving, reasons
from tests.old_databases import ACCOUNTS, CUSTOMERS, FIRST_LOAD, five_layers, three_layers

OLD = "before/old.duckdb"
DAY = timedelta(days=1)
ROWS = {1: ("alice", True), 2: ("bob", False), 3: ("carol", False)}
BEFORE, GONE, BACK = datetime(2026, 1, 1), datetime(2026, 1, 9, 6, 30), datetime(2026, 1, 10, 6, 30)


def _kept(config: Config, *loads: dict[int, datetime]) -> list[Row]:
    """Return what dbt keeps of days on which customers were there, by when they were loaded; the first 3 are ROWS."""
    snapshot = dbt.Snapshot(config)
    for day, load in enumerate(loads):
        snapshot.load({key: (ROWS[key], at) for key, at in load.items()}, GONE + (day - 1) * DAY)
    return snapshot.rows


def _old(lending: Lending, rows: list[Row] | None = None, config: Config | None = None, sql: str = "") -> Path:
    path = five_layers(lending.root / OLD)
    with duckdb.connect(str(path)) as con:
        if rows is not None and config:
            dbt.write(con, "snapshots.snap_customer", rows, config, dbt.CUSTOMER)
        con.execute(sql)
    return path


def _moving(lending: Lending, rows: list[Row] | None = None, config: Config | None = None, sql: str = "") -> Moving:
    return Moving(lending, _old(lending, rows, config, sql))


def _adopted(moving: Moving, **options: Any) -> list[Any]:
    """Adopt, and return the versions of customers."""
    moving.apply(phases=(1, 2), adopt_snapshots=True, **options)
    return moving.query(
        "SELECT customer_id, customer_name, dbt_valid_from, dbt_valid_to FROM snapshots.snap_customer ORDER BY 1, 3"
    )


@dataclass
class Read:
    """What is read of dbt's histories, without a build: versions, what was changed, what was recognised."""

    customers: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    changes: list[Change]
    notes: str

    @property
    def starts(self) -> list[datetime]:
        """The starts of customers' versions."""
        return [row["dbt_valid_from"] for row in self.customers]

    @property
    def ends(self) -> list[datetime | None]:
        """The ends of customers' versions."""
        return [row["dbt_valid_to"] for row in self.customers]


def _read(path: Path, **options: Any) -> Read:
    how = adoption(True, options)
    assert how
    settings = Settings.load(database=path.parent / "scratch.duckdb")
    with OldDatabase(path) as old, opened(settings) as store:
        found = histories(old, pipeline, how)
        read_ = {
            name: read(old, one, pipeline[name], pipeline, store, how, path.parent / f"{name}.parquet")
            for name, one in found.items()
        }
        rows = {
            name: store.rows(one.table.order_by([pipeline[name].business_key[0], "dbt_valid_from"]))
            for name, one in read_.items()
        }
        changes = [change for one in read_.values() for change in one.changes]
        notes = "\n".join(note for one in found.values() for note in one.notes)
        return Read(rows["snap_customer"], rows["snap_account"], changes, notes)


def _ends_at(end: str, table: str = "snap_customer") -> str:
    return f"UPDATE snapshots.{table} SET dbt_valid_to = '{end}' WHERE dbt_valid_to IS NULL;"


@pytest.mark.parametrize("end", ["9999-12-31 00:00:00", "9999-12-31 23:59:59.999999", "2999-01-01", "infinity"])
def test_versions_that_end_at_one_far_end_are_open(lending: Lending, end: str) -> None:
    """dbt_valid_to_current."""
    found = _read(_old(lending, sql=_ends_at(end) + _ends_at(end, "snap_account")))
    assert found.notes.count(f"versions that end at {end}") == 2
    assert found.ends == [None, None, None]


def test_runs_after_a_far_end_are_dated_by_the_clock_and_version_what_changed(lending: Lending) -> None:
    moving = _moving(lending, sql=_ends_at("9999-12-31") + _ends_at("9999-12-31", "snap_account"))
    moving.apply(adopt_snapshots=True)
    run = lending.load([("1", "Al", "Yes"), ("2", " Bob ", "No"), ("3", "Carol", "")], [("A1", "1", "1", "Savings")], allow_mass_delete=True)  # fmt: skip
    assert abs(run.run_at - utc_now()) < DAY
    versions = moving.query("SELECT customer_id, count(*), max(dbt_valid_to) < '2900-01-01' FROM snapshots.snap_customer GROUP BY 1 ORDER BY 1")  # fmt: skip
    assert versions == [(1, 2, True), (2, 1, None), (3, 1, None)]


def test_an_end_that_only_some_open_versions_have_is_no_far_end(lending: Lending) -> None:
    with pytest.raises(MigrationError, match="1 customer_id have a dbt_valid_to in the future, the latest 2062-01-01"):
        _read(_old(lending, sql="UPDATE snapshots.snap_customer SET dbt_valid_to = '2062-01-01' WHERE customer_id = 1"))  # fmt: skip


def test_a_deletion_row_is_no_version_but_an_absence(lending: Lending) -> None:
    """hard_deletes: new_record."""
    config = Config("timestamp", "new_record")
    here = {1: BEFORE, 2: BEFORE, 3: BEFORE}
    moving = _moving(lending, _kept(config, here, {1: BEFORE, 3: BEFORE}), config)
    assert "rows with dbt_is_deleted say that a key was deleted" in _read(moving.old).notes
    assert _adopted(moving, fold_unchanged=True)[:2] == [(1, "alice", BEFORE, None), (2, "bob", BEFORE, GONE)]


def test_most_keys_being_deleted_long_ago_is_no_mass_deletion(lending: Lending) -> None:
    config = Config("timestamp", "new_record")
    rows = _kept(config, dict.fromkeys((1, 2, 3), BEFORE))
    for key in range(4, 30):
        rows += [replace(row, key=key, scd_id=f"{key} {row.scd_id}") for row in _kept(config, {1: BEFORE}, {})]
    assert len(_adopted(_moving(lending, rows, config))) == 29


def _returned(config: Config) -> list[Row]:
    """Customer 2 is there, is not, and is back as it was loaded at first."""
    here = {1: BEFORE, 2: BEFORE, 3: BEFORE}
    return _kept(config, here, {1: BEFORE, 3: BEFORE}, here)


def test_a_key_that_came_back_with_its_old_time_is_refused_by_name(lending: Lending) -> None:
    config = Config("timestamp", "new_record")
    with pytest.raises(MigrationError) as caught:
        _read(_old(lending, _returned(config), config))
    said = str(caught.value)
    assert "1 customer_id share an id with another version: 2" in said
    assert "1 customer_id have a version that ends before it begins: 2" in said
    assert "--repair returned-keys mends 2 of these versions" in said


@pytest.mark.parametrize(("deletes", "begins"), [("new_record", GONE + dbt.MOMENT), ("invalidate", GONE)])
def test_a_key_that_came_back_is_repaired_by_name_and_taken_back(
    lending: Lending, deletes: Any, begins: datetime
) -> None:
    config = Config("timestamp", deletes)
    moving = _moving(lending, _returned(config), config)
    [phase] = moving.call("plan", moving.old, phases=(2,), adopt_snapshots=True, repairs=("returned-keys",))
    planned = [(row.key, row.column, row.new) for row in phase.rows if row.reason.startswith("repair returned-keys")]
    assert [row for row in _adopted(moving, repairs=["returned-keys"]) if row[0] == 2] == [
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
    assert moving.call("changes") == []


def test_a_version_within_another_is_never_repaired(lending: Lending) -> None:
    """Which of two was true at that time is not known."""
    rows = _kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows.append(Row(1, ("alys", True), BEFORE, "other", GONE, GONE, BACK))
    with pytest.raises(MigrationError, match="1 customer_id have versions that overlap: 1\n") as caught:
        _read(_old(lending, rows, Config()), repairs=("returned-keys", "overlaps", "doubles"))
    assert "mends" not in str(caught.value)


def test_a_version_that_is_there_twice_is_kept_once(lending: Lending) -> None:
    rows = _kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    path = _old(lending, [*rows, rows[1]], Config())
    with pytest.raises(MigrationError, match="--repair doubles mends 1"):
        _read(path)
    found = _read(path, repairs=("doubles",))
    assert [row["customer_id"] for row in found.customers] == [1, 2, 3]
    [change] = found.changes
    assert (change.key, change.column, change.new, change.reason) == ("2", None, None, "repair doubles")


RENAMED = "".join(
    f"ALTER TABLE snapshots.{table} RENAME dbt_{name} TO {name};"
    for table in ("snap_customer", "snap_account")
    for name in ("valid_from", "valid_to", "scd_id", "updated_at")
)
NAMES = {f"dbt_{name}": name for name in ("valid_from", "valid_to", "scd_id", "updated_at")}


def test_renamed_columns_are_given_by_name(lending: Lending) -> None:
    path = _old(lending, sql=RENAMED)
    with pytest.raises(MigrationError, match="has no dbt_scd_id, dbt_updated_at.*--snapshot-columns dbt_scd_id=NAME"):
        _read(path)
    found = _read(path, snapshot_columns=NAMES)
    assert "valid_to is dbt_valid_to" in found.notes
    assert found.starts == [FIRST_LOAD] * 3
    with pytest.raises(MigrationError, match="neither dbt nor a history of ours has a column dbt_mistyped"):
        _read(path, snapshot_columns={"dbt_mistyped": "valid_to"})


def _manifest(lending: Lending, **config: Any) -> Path:
    nodes = {
        f"snapshot.lending.{name}": {
            "resource_type": "snapshot", "name": name, "alias": name, "database": "old", "schema": config.get("schema", "snapshots"),
            "config": {"strategy": "check", "check_cols": "all", "unique_key": key, "hard_deletes": "ignore"} | config,
        }
        for name, key in (("snap_customer", "customer_id"), ("snap_account", "account_id"))
    }  # fmt: skip
    path = lending.root / "manifest.json"
    path.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return path


def test_the_manifest_says_names_schema_and_far_end(lending: Lending) -> None:
    moved = "CREATE SCHEMA main_snapshots;" + "".join(
        f"CREATE TABLE main_snapshots.{t} AS FROM snapshots.{t}; UPDATE main_snapshots.{t} SET valid_to = '2062-01-01 10:11:12' WHERE valid_to IS NULL; DELETE FROM snapshots.{t};"
        for t in ("snap_customer", "snap_account")
    )
    path = _old(lending, sql=RENAMED + moved)
    manifest = _manifest(
        lending, schema="main_snapshots", snapshot_meta_column_names=NAMES,
        dbt_valid_to_current="cast('2062-01-01 10:11:12' as timestamp)",
    )  # fmt: skip
    found = _read(path, dbt_manifest=manifest)
    notes = found.notes
    assert "check strategy on all, key customer_id, hard_deletes ignore (by the manifest)" in notes
    assert "versions that end at 2062-01-01 10:11:12 are open" in notes
    assert found.ends == [None, None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "there is no such file"), ("{", "no manifest of dbt's"), ("[]", "no manifest of dbt's"), ('{"nodes": {"a": 1}}', "no manifest")],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(lending: Lending, text: str | None, said: str) -> None:
    path = lending.root / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MigrationError, match=said):
        _read(_old(lending), dbt_manifest=path)


def test_histories_in_another_schema_are_found_and_two_are_not_chosen_from(lending: Lending) -> None:
    """Snapshots in YAML without target_schema lie in main."""
    to_main = "CREATE TABLE main.{0} AS FROM snapshots.{0}; DROP TABLE snapshots.{0};"
    path = _old(lending, sql=to_main.format("snap_customer") + to_main.format("snap_account"))
    found = _read(path)
    assert "main.snap_customer is taken for the history snap_customer" in found.notes
    assert found.starts == [FIRST_LOAD] * 3
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA other; CREATE TABLE other.snap_account AS FROM main.snap_account")
    with pytest.raises(MigrationError, match=r"main.snap_account and other.snap_account could both be the history"):
        _read(path)


def test_a_column_of_dbts_that_is_unknown_is_refused(lending: Lending) -> None:
    with pytest.raises(MigrationError, match="snapshots.snap_account has dbt_is_hidden, a column of dbt's"):
        _read(_old(lending, sql="ALTER TABLE snapshots.snap_account ADD COLUMN dbt_is_hidden BOOLEAN"))


def test_a_column_that_may_mark_deletions_must_be_said_to(lending: Lending) -> None:
    mark = "ALTER TABLE snapshots.snap_customer ADD COLUMN is_deleted VARCHAR DEFAULT 'False'; UPDATE snapshots.snap_customer SET is_deleted = 'True' WHERE customer_id = 2"
    path = _old(lending, sql=mark)
    with pytest.raises(MigrationError, match="--snapshot-columns dbt_is_deleted=is_deleted; if not"):
        _read(path)
    found = _read(path, snapshot_columns={"dbt_is_deleted": "is_deleted"})
    assert [row["customer_id"] for row in found.customers] == [1, 3]
    assert len(_read(path, snapshot_columns={"dbt_is_deleted": ""}).customers) == 3


RAW = "UPDATE snapshots.snap_account SET account_type = 'Savings ' WHERE account_id IN ('A1', 'A2');"


def test_versions_that_staging_would_write_otherwise_are_named_or_cleaned(lending: Lending) -> None:
    path = _old(lending, sql=RAW)
    said = "2 versions hold account_type as staging does not write it: 'Savings ' → 'savings'"
    with pytest.raises(MigrationError, match=said):
        _read(path)
    found = _read(path, clean_versions=True)
    assert {row["account_type"] for row in found.accounts} == {"checking", "savings"}
    [change] = found.changes
    assert (change.key, change.column, change.old, change.new) == ("2 versions", "account_type", "Savings ", "savings")


def test_a_version_that_staging_refuses_is_refused_or_held(lending: Lending) -> None:
    """Its key's version before goes on, as when such a row is received."""
    two = (CUSTOMERS, ACCOUNTS)
    path = five_layers(lending.root / OLD, two, two, two)
    with duckdb.connect(str(path)) as con:
        con.execute(
            "UPDATE snapshots.snap_account SET balance_amount = -60 "
            f"WHERE account_id = 'A1' AND dbt_valid_from = '{FIRST_LOAD + DAY}'"
        )
    said = r"1 account_id have a version that staging refuses \(balance is negative: '-60.00'\): A1\n  --repair refused-values mends 2"
    with pytest.raises(MigrationError, match=said):
        _read(path)
    found = _read(path, repairs=("refused-values",))
    versions = [
        (r["balance_amount"], r["dbt_valid_from"], r["dbt_valid_to"]) for r in found.accounts if r["account_id"] == "A1"
    ]
    assert versions == [(5000, FIRST_LOAD, FIRST_LOAD + 2 * DAY), (5000, FIRST_LOAD + 2 * DAY, None)]
    assert any("-60.00" in (one.old or "") for one in found.changes)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE DECIMAL(18, 4); UPDATE snapshots.snap_account SET balance_amount = 5000.1289 WHERE account_id = 'A1'", "1 versions hold balance_amount as staging does not write it: '5000.1289' → '5000.13'"),
        ("ALTER TABLE snapshots.snap_account ALTER customer_id TYPE DOUBLE; UPDATE snapshots.snap_account SET customer_id = 1.6 WHERE account_id = 'A1'", r"customer_id is not an integer: '1.6'"),
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE VARCHAR; UPDATE snapshots.snap_account SET balance_amount = '5 000' WHERE account_id = 'A1'", "balance is not a plain decimal: '5 000'"),
        ("ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE DOUBLE; UPDATE snapshots.snap_account SET balance_amount = 1e17 WHERE account_id = 'A1'", r"does not fit decimal\(18,2\)"),
        ("UPDATE snapshots.snap_account SET account_type = NULL WHERE account_id = 'A1'", "account_type is blank"),
    ],
)  # fmt: skip
def test_no_value_is_cast_to_another(lending: Lending, sql: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        _read(_old(lending, sql=sql))


@pytest.mark.parametrize("type_", ["DECIMAL(18, 4)", "DOUBLE", "DECIMAL(38, 2)"])
def test_a_wider_type_of_the_same_values_is_taken_as_it_is(lending: Lending, type_: str) -> None:
    wider = f"ALTER TABLE snapshots.snap_account ALTER balance_amount TYPE {type_}; ALTER TABLE snapshots.snap_account ALTER customer_id TYPE HUGEINT"
    found = _read(_old(lending, sql=wider))
    assert sum(row["balance_amount"] for row in found.accounts) == Decimal("40000.60")
    assert not found.changes


def test_times_with_a_zone_are_taken_as_the_moments_that_they_are(lending: Lending) -> None:
    zoned = "SET TimeZone = 'America/New_York';" + "".join(
        f"ALTER TABLE snapshots.snap_customer ALTER {name} TYPE TIMESTAMPTZ USING timezone('UTC', {name});"
        for name in ("dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
    )
    found = _read(_old(lending, sql=zoned))
    assert "snap_customer: dbt_updated_at" not in found.notes
    assert found.starts == [FIRST_LOAD] * 3


def test_times_without_a_zone_are_of_the_zone_that_is_said(lending: Lending) -> None:
    path = _old(lending)
    said = "have no time zone, and are taken for UTC; if dbt ran elsewhere, say --snapshot-timezone"
    assert said in _read(path).notes
    assert _read(path, snapshot_timezone="Asia/Kolkata").starts == [FIRST_LOAD - timedelta(hours=5, minutes=30)] * 3
    with pytest.raises(MigrationError, match="--snapshot-timezone Kolkata: there is no such zone"):
        _read(path, snapshot_timezone="Kolkata")


def test_times_that_are_two_moments_or_none_are_counted(lending: Lending) -> None:
    twice, never = "2025-11-02 01:30:00", "2025-03-09 02:30:00"
    sql = f"UPDATE snapshots.snap_customer SET dbt_valid_from = '{twice}' WHERE customer_id = 1; UPDATE snapshots.snap_customer SET dbt_valid_from = '{never}' WHERE customer_id = 2"
    notes = _read(_old(lending, sql=sql), snapshot_timezone="America/New_York").notes
    assert "1 times are two moments in America/New_York" in notes
    assert "1 times are none in America/New_York" in notes


def test_two_open_versions_of_our_key_are_refused(lending: Lending) -> None:
    """dbt's unique_key was account and owner; the account has gone to another."""
    sql = "INSERT INTO snapshots.snap_account SELECT * REPLACE (2 AS customer_id, 'other' AS dbt_scd_id) FROM snapshots.snap_account WHERE account_id = 'A1'"
    with pytest.raises(MigrationError, match="1 account_id have more than one open version: A1"):
        _read(_old(lending, sql=sql))


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
    moving = _moving(lending, sql=gone)
    moving.apply(adopt_snapshots=True)
    summary, profile = moving.marts()
    closed = "no received row has it any more; dbt closed its version, and the old mart kept the row"
    assert reasons(summary) == {("A4", None): closed}
    assert set(reasons(profile).values()) == {"follows from A4"}
    assert moving.call("validate").is_valid


def test_times_of_marts_with_a_zone_need_no_other_package(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB gives times with a zone by way of pytz, which a plain install has not."""
    monkeypatch.setitem(__import__("sys").modules, "pytz", None)
    moving = _moving(lending)
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

    path = _old(lending)
    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(MigrationError, match=r"A later DuckDB than .* ATTACH .* \(STORAGE_VERSION 'v1.0.0'\)"):
        OldDatabase(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repairs": ("doubles",)}, "--repair is about histories that are taken over. Give --adopt-snapshots too"),
        ({"clean_versions": True}, "--clean-versions is about"),
        ({"adopt_snapshots": True, "repairs": ("all",)}, "repair: there is none called all; they are returned-keys"),
    ],
)  # fmt: skip
def test_options_that_say_nothing_are_refused(lending: Lending, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        _moving(lending).apply(**options)


def test_a_version_that_ends_as_it_begins_says_nothing_of_any_moment(lending: Lending) -> None:
    """dbt's check strategy with updated_at: a value that changed under the same time."""
    rows = _kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows.append(replace(rows[0], values=("al", True), end=BEFORE))
    path = _old(lending, rows, Config())
    with pytest.raises(
        MigrationError, match="have a version that ends before it begins: 1\n.*overlap|--repair doubles"
    ):
        _read(path)
    assert [row["customer_name"] for row in _read(path, repairs=("doubles",)).customers] == ["alice", "bob", "carol"]


@pytest.mark.parametrize("again", [{"snapshot_timezone": "Asia/Kolkata"}, {"fold_unchanged": True}, {}])
def test_an_adoption_that_came_no_further_is_taken_back(lending: Lending, again: dict[str, Any]) -> None:
    """The build after it stops at the guard; then nothing was adopted, and what is asked next is what is done."""
    gone = [*ACCOUNTS, *((f"Z{number}", 1, 1.0, "Savings") for number in range(9))]
    path = five_layers(lending.root / OLD, (CUSTOMERS, gone), (CUSTOMERS, ACCOUNTS))
    moving = Moving(lending, path)
    with pytest.raises(MassDeleteError, match="9 of 13 current keys"):
        moving.apply(phases=(1, 2), adopt_snapshots=True)
    assert moving.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'snapshots'") == [(0,)]
    rows = _adopted(moving, allow_mass_delete=True, **again)
    assert len(rows) == (3 if "fold_unchanged" in again else 6)
    begins = FIRST_LOAD - timedelta(hours=5, minutes=30) if "snapshot_timezone" in again else FIRST_LOAD
    assert rows[0][2] == begins


def test_a_column_of_trues_and_falses_may_mark_deletions(lending: Lending) -> None:
    mark = "ALTER TABLE snapshots.snap_customer ADD COLUMN is_removed VARCHAR DEFAULT 'False'"
    with pytest.raises(MigrationError, match="snap_customer has is_removed. If dbt marks deletions there"):
        _read(_old(lending, sql=mark))


def test_a_name_may_be_given_for_one_history(lending: Lending) -> None:
    """The customers' own is_deleted, and the accounts' dbt_is_deleted that holds what dbt never writes."""
    sql = (
        "ALTER TABLE snapshots.snap_customer ADD COLUMN is_deleted VARCHAR DEFAULT 'True';"
        "ALTER TABLE snapshots.snap_account ADD COLUMN dbt_is_deleted VARCHAR DEFAULT 'N'"
    )
    path = _old(lending, sql=sql)
    with pytest.raises(MigrationError, match="dbt_is_deleted holds 'N'"):
        _read(path, snapshot_columns={"snap_customer.dbt_is_deleted": ""})
    none = {"snap_customer.dbt_is_deleted": "", "snap_account.dbt_is_deleted": ""}
    assert len(_read(path, snapshot_columns=none).customers) == 3
    assert len(_read(path, snapshot_columns={"dbt_is_deleted": ""}).accounts) == 4


def test_a_refused_version_that_begins_before_the_one_before_ends_is_held_too(lending: Lending) -> None:
    rows = _kept(Config(), {1: BEFORE, 2: BEFORE, 3: BEFORE})
    rows[0].end = BACK
    rows.append(Row(1, (" ", True), BEFORE, "other", GONE, GONE, None))
    found = _read(_old(lending, rows, Config()), repairs=("refused-values",))
    assert found.ends == [None, None, None]
    assert found.customers[0]["customer_name"] == "alice"
    assert "content=('1', ' ', 'true'," in str([one.old for one in found.changes])


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE snapshots.snap_customer SET dbt_valid_to = '2027-01-01' WHERE customer_id = 1; UPDATE snapshots.snap_customer SET dbt_valid_to = dbt_valid_from + INTERVAL 1 DAY WHERE customer_id > 1", "1 customer_id have a dbt_valid_to in the future"),
        ("UPDATE snapshots.snap_customer SET dbt_valid_from = '-infinity' WHERE customer_id = 1", "1 customer_id have a dbt_valid_from before 1900: 1"),
    ],
)  # fmt: skip
def test_a_time_that_one_row_alone_has_is_no_far_end(lending: Lending, sql: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        _read(_old(lending, sql=sql))


@pytest.mark.parametrize(
    ("end", "expression"),
    [
        ("timezone('Asia/Kolkata', TIMESTAMP '9999-12-31')", "'9999-12-31'::timestamptz"),
        ("timezone('America/New_York', TIMESTAMP '9999-12-31 23:59:59.999999')", "'9999-12-31 23:59:59.999999'"),
        ("timezone('UTC', TIMESTAMP '9999-12-31')", "strptime('31-12-9999', '%d-%m-%Y')"),
    ],
)
@pytest.mark.parametrize("with_manifest", [True, False])
def test_far_ends_with_a_zone_are_those_of_the_manifest(
    lending: Lending, end: str, expression: str, with_manifest: bool
) -> None:
    sql = "".join(
        f"ALTER TABLE snapshots.{table} ALTER dbt_valid_to TYPE TIMESTAMPTZ USING timezone('UTC', dbt_valid_to);"
        f"UPDATE snapshots.{table} SET dbt_valid_to = {end} WHERE dbt_valid_to IS NULL;"
        for table in ("snap_customer", "snap_account")
    )
    path = _old(lending, sql=sql)
    manifest = {"dbt_manifest": _manifest(lending, dbt_valid_to_current=expression)} if with_manifest else {}
    assert _read(path, **manifest).ends == [None, None, None]


def test_a_manifest_without_our_histories_is_refused_and_one_with_other_names_is_not(lending: Lending) -> None:
    path = _old(lending)
    manifest = _manifest(lending)
    renamed = manifest.read_text().replace('"name": "snap_', '"name": "history_')
    manifest.write_text(renamed)
    assert _read(path, dbt_manifest=manifest).starts == [FIRST_LOAD] * 3
    manifest.write_text(renamed.replace("customer_id", "other_id").replace('"alias": "snap_c', '"alias": "c'))
    with pytest.raises(
        MigrationError, match="it has no snapshot snap_customer, nor one with the key customer_id; it has history"
    ):
        _read(path, dbt_manifest=manifest)


def test_the_faults_of_all_histories_are_told_at_once(lending: Lending) -> None:
    moving = _moving(lending, sql=RAW + "UPDATE snapshots.snap_customer SET customer_name = 'Al' WHERE customer_id = 1")
    with pytest.raises(MigrationError, match=r"(?s)snap_customer cannot be adopted.*snap_account cannot be adopted"):
        _adopted(moving)
