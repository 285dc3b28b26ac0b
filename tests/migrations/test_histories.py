"""Histories as dbt's configurations make them: recognised and adopted truly, or refused with the way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import MigrationError
from tests.conftest import Lending
from tests.dbt_histories import Config
from tests.histories import (
    BEFORE,
    DAY,
    GONE,
    NAMES,
    RENAMED,
    adopted_by,
    ends_at,
    kept,
    manifest_of,
    moving_with,
    old_with,
    read_of,
)
from tests.old_databases import FIRST_LOAD


@pytest.mark.parametrize("end", ["9999-12-31 00:00:00", "9999-12-31 23:59:59.999999", "2999-01-01", "infinity"])
def test_versions_that_end_at_one_far_end_are_open(lending: Lending, end: str) -> None:
    """dbt_valid_to_current."""
    found = read_of(old_with(lending, sql=ends_at(end) + ends_at(end, "snap_account")))
    assert found.notes.count(f"versions that end at {end}") == 2
    assert found.ends == [None, None, None]


def test_runs_after_a_far_end_are_dated_by_the_clock_and_version_what_changed(lending: Lending) -> None:
    moving = moving_with(lending, sql=ends_at("9999-12-31") + ends_at("9999-12-31", "snap_account"))
    moving.apply(adopt_snapshots=True)
    run = lending.load([("1", "Al", "Yes"), ("2", " Bob ", "No"), ("3", "Carol", "")], [("A1", "1", "1", "Savings")], allow_mass_delete=True)  # fmt: skip
    assert abs(run.run_at - utc_now()) < DAY
    versions = moving.query("SELECT customer_id, count(*), max(dbt_valid_to) < '2900-01-01' FROM snapshots.snap_customer GROUP BY 1 ORDER BY 1")  # fmt: skip
    assert versions == [(1, 2, True), (2, 1, None), (3, 1, None)]


def test_an_end_that_only_some_open_versions_have_is_no_far_end(lending: Lending) -> None:
    with pytest.raises(MigrationError, match="a dbt_valid_to in the future, the latest 2062-01-01"):
        read_of(old_with(lending, sql="UPDATE snapshots.snap_customer SET dbt_valid_to = '2062-01-01' WHERE customer_id = 1"))  # fmt: skip


def test_a_deletion_row_is_no_version_but_an_absence(lending: Lending) -> None:
    """hard_deletes: new_record."""
    config = Config("timestamp", "new_record")
    here = {1: BEFORE, 2: BEFORE, 3: BEFORE}
    moving = moving_with(lending, kept(config, here, {1: BEFORE, 3: BEFORE}), config)
    assert "rows with dbt_is_deleted mark a deleted key" in read_of(moving.old).notes
    assert adopted_by(moving, fold_unchanged=True)[:2] == [(1, "alice", BEFORE, None), (2, "bob", BEFORE, GONE)]


def test_most_keys_being_deleted_long_ago_is_no_mass_deletion(lending: Lending) -> None:
    config = Config("timestamp", "new_record")
    rows = kept(config, dict.fromkeys((1, 2, 3), BEFORE))
    for key in range(4, 30):
        rows += [replace(row, key=key, scd_id=f"{key} {row.scd_id}") for row in kept(config, {1: BEFORE}, {})]
    assert len(adopted_by(moving_with(lending, rows, config))) == 29


def test_renamed_columns_are_given_by_name(lending: Lending) -> None:
    path = old_with(lending, sql=RENAMED)
    with pytest.raises(MigrationError, match="has no dbt_scd_id, dbt_updated_at.*--snapshot-columns dbt_scd_id=scd_id"):
        read_of(path)
    ready = ",".join(f"{name}={there}" for name, there in sorted(NAMES.items()))
    with pytest.raises(MigrationError, match=f"--snapshot-columns {ready}, or use --dbt-manifest"):
        read_of(path)
    with pytest.raises(MigrationError, match="--snapshot-columns dbt_valid_to=: name the column"):
        read_of(path, snapshot_columns=NAMES | {"dbt_valid_to": ""})
    found = read_of(path, snapshot_columns=NAMES)
    assert "valid_to is dbt_valid_to" in found.notes
    assert found.starts == [FIRST_LOAD] * 3
    with pytest.raises(MigrationError, match="neither dbt nor the new histories have a column dbt_mistyped"):
        read_of(path, snapshot_columns={"dbt_mistyped": "valid_to"})


def test_the_manifest_says_names_schema_and_far_end(lending: Lending) -> None:
    moved = "CREATE SCHEMA main_snapshots;" + "".join(
        f"CREATE TABLE main_snapshots.{t} AS FROM snapshots.{t}; UPDATE main_snapshots.{t} SET valid_to = '2062-01-01 10:11:12' WHERE valid_to IS NULL; DELETE FROM snapshots.{t};"
        for t in ("snap_customer", "snap_account")
    )
    path = old_with(lending, sql=RENAMED + moved)
    manifest = manifest_of(
        lending, schema="main_snapshots", snapshot_meta_column_names=NAMES,
        dbt_valid_to_current="cast('2062-01-01 10:11:12' as timestamp)",
    )  # fmt: skip
    found = read_of(path, dbt_manifest=manifest)
    notes = found.notes
    assert "check strategy on all, key customer_id, hard_deletes ignore (by the manifest)" in notes
    assert "versions that end at 2062-01-01 10:11:12 are open" in notes
    assert found.ends == [None, None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "the file does not exist"), ("{", "not a dbt manifest"), ("[]", "not a dbt manifest"), ('{"nodes": {"a": 1}}', "not a dbt")],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(lending: Lending, text: str | None, said: str) -> None:
    path = lending.root / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MigrationError, match=said):
        read_of(old_with(lending), dbt_manifest=path)


def test_histories_in_another_schema_are_found_and_two_are_not_chosen_from(lending: Lending) -> None:
    """Snapshots in YAML without target_schema lie in main."""
    to_main = "CREATE TABLE main.{0} AS FROM snapshots.{0}; DROP TABLE snapshots.{0};"
    path = old_with(lending, sql=to_main.format("snap_customer") + to_main.format("snap_account"))
    found = read_of(path)
    assert "main.snap_customer is recognized as the history snap_customer" in found.notes
    assert found.starts == [FIRST_LOAD] * 3
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA other; CREATE TABLE other.snap_account AS FROM main.snap_account")
    with pytest.raises(MigrationError, match=r"main.snap_account and other.snap_account could both be the history"):
        read_of(path)


def test_a_column_of_dbts_that_is_unknown_is_refused(lending: Lending) -> None:
    with pytest.raises(MigrationError, match="snapshots.snap_account has dbt_is_hidden, an unknown dbt column"):
        read_of(old_with(lending, sql="ALTER TABLE snapshots.snap_account ADD COLUMN dbt_is_hidden BOOLEAN"))


def test_a_column_that_may_mark_deletions_must_be_said_to(lending: Lending) -> None:
    mark = "ALTER TABLE snapshots.snap_customer ADD COLUMN is_deleted VARCHAR DEFAULT 'False'; UPDATE snapshots.snap_customer SET is_deleted = 'True' WHERE customer_id = 2"
    path = old_with(lending, sql=mark)
    with pytest.raises(MigrationError, match="--snapshot-columns dbt_is_deleted=is_deleted; if not"):
        read_of(path)
    found = read_of(path, snapshot_columns={"dbt_is_deleted": "is_deleted"})
    assert [row["customer_id"] for row in found.customers] == [1, 3]
    assert len(read_of(path, snapshot_columns={"dbt_is_deleted": ""}).customers) == 3


def test_times_with_a_zone_are_taken_as_the_moments_that_they_are(lending: Lending) -> None:
    zoned = "SET TimeZone = 'America/New_York';" + "".join(
        f"ALTER TABLE snapshots.snap_customer ALTER {name} TYPE TIMESTAMPTZ USING timezone('UTC', {name});"
        for name in ("dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
    )
    found = read_of(old_with(lending, sql=zoned))
    assert "snap_customer: dbt_updated_at" not in found.notes
    assert found.starts == [FIRST_LOAD] * 3


def test_times_without_a_zone_are_of_the_zone_that_is_said(lending: Lending) -> None:
    path = old_with(lending)
    said = "have no time zone and are read as UTC; if dbt ran elsewhere, set --snapshot-timezone"
    assert said in read_of(path).notes
    assert read_of(path, snapshot_timezone="Asia/Kolkata").starts == [FIRST_LOAD - timedelta(hours=5, minutes=30)] * 3
    for option in ("snapshot_timezone", "data_timezone"):
        for zone in ("Kolkata", ""):
            said = f"--{option.replace('_', '-')} '{zone}': unknown time zone"
            with pytest.raises(MigrationError, match=said):
                read_of(path, **{option: zone})


def test_times_that_are_two_moments_or_none_are_counted(lending: Lending) -> None:
    twice, never = "2025-11-02 01:30:00", "2025-03-09 02:30:00"
    sql = f"UPDATE snapshots.snap_customer SET dbt_valid_from = '{twice}' WHERE customer_id = 1; UPDATE snapshots.snap_customer SET dbt_valid_from = '{never}' WHERE customer_id = 2"
    notes = read_of(old_with(lending, sql=sql), snapshot_timezone="America/New_York").notes
    assert "1 times are ambiguous in America/New_York" in notes
    assert "1 times do not exist in America/New_York" in notes


def test_two_open_versions_of_our_key_are_refused(lending: Lending) -> None:
    """dbt's unique_key was account and owner; the account has gone to another."""
    sql = "INSERT INTO snapshots.snap_account SELECT * REPLACE (2 AS customer_id, 'other' AS dbt_scd_id) FROM snapshots.snap_account WHERE account_id = 'A1'"
    with pytest.raises(MigrationError, match="more than one open version, of 1 account_id: A1"):
        read_of(old_with(lending, sql=sql))


def test_a_column_of_trues_and_falses_may_mark_deletions(lending: Lending) -> None:
    mark = "ALTER TABLE snapshots.snap_customer ADD COLUMN is_removed VARCHAR DEFAULT 'False'"
    with pytest.raises(MigrationError, match="snap_customer has is_removed. If dbt marks deletions there"):
        read_of(old_with(lending, sql=mark))


def test_a_name_may_be_given_for_one_history(lending: Lending) -> None:
    """The customers' own is_deleted, and the accounts' dbt_is_deleted that holds what dbt never writes."""
    sql = (
        "ALTER TABLE snapshots.snap_customer ADD COLUMN is_deleted VARCHAR DEFAULT 'True';"
        "ALTER TABLE snapshots.snap_account ADD COLUMN dbt_is_deleted VARCHAR DEFAULT 'N'"
    )
    path = old_with(lending, sql=sql)
    with pytest.raises(MigrationError, match="dbt_is_deleted holds 'N'"):
        read_of(path, snapshot_columns={"snap_customer.dbt_is_deleted": ""})
    none = {"snap_customer.dbt_is_deleted": "", "snap_account.dbt_is_deleted": ""}
    assert len(read_of(path, snapshot_columns=none).customers) == 3
    assert len(read_of(path, snapshot_columns={"dbt_is_deleted": ""}).accounts) == 4


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE snapshots.snap_customer SET dbt_valid_to = '2027-01-01' WHERE customer_id = 1; UPDATE snapshots.snap_customer SET dbt_valid_to = dbt_valid_from + INTERVAL 1 DAY WHERE customer_id > 1", "a dbt_valid_to in the future"),
        ("UPDATE snapshots.snap_customer SET dbt_valid_from = '-infinity' WHERE customer_id = 1", "a dbt_valid_from before 1900, of 1 customer_id: 1"),
    ],
)  # fmt: skip
def test_a_time_that_one_row_alone_has_is_no_far_end(lending: Lending, sql: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        read_of(old_with(lending, sql=sql))


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
    path = old_with(lending, sql=sql)
    manifest = {"dbt_manifest": manifest_of(lending, dbt_valid_to_current=expression)} if with_manifest else {}
    assert read_of(path, **manifest).ends == [None, None, None]


def test_a_manifest_without_our_histories_is_refused_and_one_with_other_names_is_not(lending: Lending) -> None:
    path = old_with(lending)
    manifest = manifest_of(lending)
    renamed = manifest.read_text().replace('"name": "snap_', '"name": "history_')
    manifest.write_text(renamed)
    assert read_of(path, dbt_manifest=manifest).starts == [FIRST_LOAD] * 3
    manifest.write_text(renamed.replace("customer_id", "other_id").replace('"alias": "snap_c', '"alias": "c'))
    with pytest.raises(
        MigrationError, match="it has no snapshot snap_customer, nor one with the key customer_id; it has history"
    ):
        read_of(path, dbt_manifest=manifest)


@pytest.mark.parametrize(
    "expression",
    [
        "strptime('99991231', '%Y%m%d')",
        "make_timestamp(9999, 12, 31, 0, 0, 0.0)",
        "timestamp '2000-01-01' + interval 7999 year + interval 11 month + interval 30 day",
        # What DuckDB cannot say, or is not asked: the rows tell.
        "far_end_of_the_house()",
        "(SELECT max(customer_id) FROM snapshots.snap_customer)",
    ],
)
def test_a_far_end_is_what_duckdb_makes_of_the_manifests_words_or_what_rows_share(
    lending: Lending, expression: str
) -> None:
    path = old_with(lending, sql=ends_at("9999-12-31") + ends_at("9999-12-31", "snap_account"))
    found = read_of(path, dbt_manifest=manifest_of(lending, dbt_valid_to_current=expression))
    assert found.ends == [None, None, None]
    assert "versions that end at 9999-12-31 00:00:00 are open" in found.notes


def test_another_far_end_than_the_manifests_is_none(lending: Lending) -> None:
    path = old_with(lending, sql=ends_at("9998-12-31"))
    with pytest.raises(MigrationError, match="a dbt_valid_to in the future"):
        read_of(path, dbt_manifest=manifest_of(lending, dbt_valid_to_current="'9999-12-31'"))


def test_a_phase_that_is_applied_is_not_said_to_be_applied_otherwise(lending: Lending) -> None:
    moving = moving_with(lending)
    adopted_by(moving, repairs=("overlaps",))
    assert {run.action for run in moving.apply(phases=(1, 2))} == {"already applied"}
    adopted_by(moving, repairs=["overlaps"])
    with pytest.raises(
        MigrationError,
        match="Phase 2 is applied with --adopt-snapshots --repair overlaps, and you asked for --adopt-snapshots --fold-unchanged. "
        r"Roll it back first \(lc-ibis migrate rollback --phase 2 --database .*lc.duckdb\)",
    ):
        adopted_by(moving, fold_unchanged=True)
    moving.rollback(2)
    moving.apply(phases=(2,))
    with pytest.raises(MigrationError, match="Phase 2 is applied without --adopt-snapshots"):
        adopted_by(moving)


def test_changes_of_what_was_not_adopted_are_refused(lending: Lending) -> None:
    moving = moving_with(lending)
    with pytest.raises(MigrationError, match="no dbt snapshot was adopted"):
        moving.call("changes")
    moving.apply(phases=(1, 2))
    with pytest.raises(MigrationError, match="no dbt snapshot was adopted"):
        moving.call("changes")
    moving.rollback(2)
    adopted_by(moving)
    assert moving.call("changes") == []
