"""Delta tables: one commit a table, so what a crash between two of them leaves behind, and what the next build mends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

import lc_ibis
from lc_ibis.backends import opened
from lc_ibis.backends.spark.delta import Delta
from lc_ibis.errors import BackupError, DatabaseError, LcIbisError, SettingsError
from lc_ibis.settings import Settings
from tests.conftest import ALICE, ON_DELTA, SAVINGS, Lending
from tests.engine.test_deltas import take
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN
from tests.fuzzing import GROUND
from tests.small import Small

pytestmark = pytest.mark.parametrize("backend", ON_DELTA)
CHANGED = [("A1", "1", "7.00", "Savings"), *ACCOUNTS[2:], ("B9", "2", "9.00", "Savings")]


class _PulledPlug(Exception):
    """The client is gone."""


def _until(monkeypatch: pytest.MonkeyPatch, commits: int) -> None:
    """Let only so many statements of a build's last part, which writes the tables, reach the server."""
    run, done = Delta._run, [0]

    def counted(self: Delta, sql: str) -> None:
        if not sql.startswith(("CREATE TEMPORARY", "CREATE TABLE", "CREATE SCHEMA", "DROP")):
            if done[0] == commits:
                raise _PulledPlug
            done[0] += 1
        run(self, sql)

    monkeypatch.setattr(Delta, "_run", counted)


def _verified(lending: Lending) -> set[str]:
    return {result.status for result in lc_ibis.verify(**lending.options)}


def _contents(lending: Lending) -> dict[str, Any]:
    """Return all rows without times, which differ from build to build, and what is made from them."""
    return {
        table: sorted(
            [[v for k, v in row.items() if k != "dbt_scd_id" and not isinstance(v, datetime)] for row in rows], key=repr
        )
        for table, rows in lending.contents().items()
    }


@pytest.mark.parametrize(
    "commits", [1, pytest.param(5, marks=pytest.mark.long), 12, pytest.param(16, marks=pytest.mark.long)]
)
def test_a_build_cut_off_between_two_tables_is_mended_by_the_next(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    with monkeypatch.context() as patched:
        _until(patched, commits)
        with pytest.raises(_PulledPlug):
            lending.load(accounts=CHANGED)
    run = lending.load()
    if commits > 1:
        reasons = {table.reason for table in run.tables if table.layer != "source"}
        assert reasons == {"the last build was cut off"}
    assert _verified(lending) == {"identical"}
    assert lending.build().status == "unchanged"
    whole = Lending(lending.root / "whole")
    whole.load([ANN, BEN], ACCOUNTS)
    whole.load(accounts=CHANGED)
    assert _contents(lending) == _contents(whole)


def test_a_first_build_cut_off_is_begun_again(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.deliver([ANN, BEN], ACCOUNTS)
    with monkeypatch.context() as patched:
        _until(patched, 5)
        with pytest.raises(_PulledPlug):
            lending.build()
    assert lending.build().status == "built"
    assert _verified(lending) == {"identical"}


def test_after_a_cut_off_delta_the_same_delta_is_enough(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    with monkeypatch.context() as patched:
        _until(patched, 6)
        with pytest.raises(_PulledPlug):
            take(lending, "2", [("A1", "1", "7.00", "Savings", "")])
    take(lending, "2", [("A1", "1", "7.00", "Savings", "")])
    assert str(lending.rows("account_summary", "original_balance_amount")[0]) == "7.00"
    assert _verified(lending) == {"identical"}


@pytest.mark.usefixtures("any_amount")
def test_an_error_before_the_first_commit_changes_nothing(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.contents()
    with pytest.raises(LcIbisError, match="not_null_new_balance_amount"):
        lending.load(accounts=[SAVINGS, ("A2", "1", "9999999999999999.99", "Savings")])
    assert lending.contents() == before


def test_two_builds_at_once_do_not_mix(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], [SAVINGS])
    commit = Delta._commit

    def late(self: Delta) -> None:
        monkeypatch.setattr(Delta, "_commit", commit)
        lending.load(accounts=[("A1", "1", "2.00", "Savings")])
        commit(self)

    monkeypatch.setattr(Delta, "_commit", late)
    with pytest.raises(DatabaseError, match="another build has written since this one started"):
        lending.load(accounts=[("A1", "1", "1.00", "Savings")])
    assert [str(a) for a in lending.rows("account_summary", "original_balance_amount")] == ["2.00"]


def test_scratch_tables_are_dropped(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lc_ibis.verify(**lending.options)
    with lc_ibis.connect(**lending.options) as warehouse:
        assert not [name for layer, name in warehouse.store._listed() if layer == "scratch"]


@pytest.mark.parametrize("place", ["data/spark", "a.b.c", "x y"])
def test_a_place_that_is_no_catalog_and_prefix_is_refused(lending: Lending, place: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(SettingsError, match="is not a catalog.prefix like main.lending"):
        lc_ibis.build(**{**lending.places(), "database": place})


def test_tables_that_are_not_there_are_named(lending: Lending) -> None:
    with pytest.raises(DatabaseError, match="no tables found. Create them with lc-ibis build"):
        lending.rows("account_summary")


def test_a_drop_that_was_cut_off_is_mended_by_the_next_build(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    run = Delta._run

    def cut_off(self: Delta, sql: str) -> None:
        if sql.startswith("DROP") and "customer_profile" in sql:
            raise _PulledPlug
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", cut_off)
        with pytest.raises(_PulledPlug):
            lc_ibis.drop(["customer_profile", "account_summary"], **lending.options)
    with pytest.raises(DatabaseError, match="the last build was interrupted. Build first"):
        lc_ibis.drop("stg_account", **lending.options)
    lending.build()
    assert _verified(lending) == {"identical"}
    assert lending.build().status == "unchanged"


def test_views_and_strangers_are_dropped_and_histories_need_a_backup_that_there_is_not(
    lending: Lending, connect_server: str
) -> None:
    from pyspark.sql.connect.session import SparkSession

    lending.load([ANN, BEN], ACCOUNTS)
    spark = SparkSession.builder.remote(connect_server).getOrCreate()
    marts = f"{lending.database}_marts"
    spark.sql(f"CREATE VIEW {marts}.alias AS SELECT * FROM {marts}.account_summary").toArrow()
    spark.sql(f"CREATE TABLE {marts}.mine USING delta AS SELECT 1 AS x").toArrow()
    others = {t.name: (t.kind, t.row_count) for t in lc_ibis.tables(**lending.options) if t.status == "other"}
    assert others == {"alias": ("view", None), "mine": ("table", 1)}
    lc_ibis.drop(["alias", "mine"], **lending.options)
    assert {table.status for table in lc_ibis.tables(**lending.options)} == {"built"}
    with pytest.raises(BackupError, match="snap_account: not dropped, because no backup can be made first"):
        lc_ibis.drop("snap_account", force=True, **lending.options)
    assert len(lending.rows("snap_account")) == len(ACCOUNTS)


def test_a_column_that_may_be_null_takes_its_first_null_later(lending: Lending) -> None:
    """Sail makes a column NOT NULL of a query that gives no null, and refuses one afterwards."""
    tables = Small(GROUND, lambda: opened(Settings.load(**lending.options)))
    with tables.store:
        tables.take({"alpha": [(1, 1, 1, "p")], "beta": []})
        tables.take({"alpha": [(1, 1, 1, "p"), (2, None, 1, None)]})
        assert tables.stored("alpha") == {(1, 1, 1, "p"): 1, (2, None, 1, None): 1}
