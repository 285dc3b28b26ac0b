"""Spark sessions that end: between two builds, in the middle of one, with their server; and what is said of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.backends.delta import Delta
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, SessionEnded, SettingsError
from tests.conftest import ON_DELTA, ON_SPARK, Lending
from tests.test_incremental import ACCOUNTS, ANN, BEN

CHANGED = [("A1", "1", "7.00", "Savings"), *ACCOUNTS[2:], ("B9", "2", "9.00", "Savings")]
on_delta = pytest.mark.parametrize("backend", ON_DELTA)


@pytest.fixture
def end(lending: Lending, connect_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """End the active session on its server, while its client does not know; a new one will know its tables."""
    from pyspark.sql.connect.session import SparkSession

    from lc_ibis.backends import spark_session
    from tests.connect_server import Metastore, end

    metastore, connected = Metastore(), spark_session._connected

    def knowing(remote: str) -> Any:
        session = connected(remote)
        metastore.teach(session)
        return session

    def ending() -> None:
        metastore.learn(SparkSession.getActiveSession(), str(lending.database))
        end(SparkSession.getActiveSession())

    monkeypatch.setattr(spark_session, "_connected", knowing)
    return ending


def _statuses(lending: Lending) -> set[str]:
    return {result.status for result in lc_ibis.verify(**lending.options)}


@on_delta
def test_a_session_that_ended_between_two_builds_is_opened_again(
    lending: Lending, end: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    end()
    run = lending.load(accounts=CHANGED)
    assert run.run_id == 2
    assert re.search(r"the Spark session has ended \(the server closed it.*A new one is opened", caplog.text)
    assert {table.action for table in run.tables if table.table == "snap_account"} == {"updated"}
    assert _statuses(lending) == {"identical"}
    assert lending.build().status == "unchanged"


@on_delta
@pytest.mark.parametrize("commits", [0, 1, 9])
def test_a_session_that_ends_in_a_build_is_told_and_the_next_build_makes_all_whole(
    lending: Lending, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """Before the first commit nothing was published; after it, some tables were, and it is said."""
    lending.load([ANN, BEN], ACCOUNTS)
    lending.deliver(accounts=CHANGED)
    run, begun = Delta._run, [0]

    def ending(self: Delta, sql: str) -> None:
        if sql.startswith(("MERGE", "INSERT", "CREATE OR REPLACE")):
            if begun[0] == commits:
                end()
            begun[0] += 1
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", ending)
        words = [word for name, place in lending.places().items() for word in (f"--{name}", str(place))]
        ended = CliRunner().invoke(main, ["build", "--allow-mass-delete", *words])
    assert ended.exit_code == 1, ended.output
    assert re.search(
        r"Error: backend: the Spark session has ended \(the server closed it, .*\)\. It last answered at "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Run this again: a new one is opened\.",
        ended.output,
    )
    assert "Some tables are new, others as they were" in ended.output, ended.output
    assert "Nothing was published" not in ended.output
    again = lending.load()
    assert _statuses(lending) == {"identical"}
    reasons = {table.reason for table in again.tables if table.layer != "source"}
    assert commits <= 1 or reasons == {"the last build was cut off"}
    whole = Lending(lending.root / "whole")
    whole.load([ANN, BEN], ACCOUNTS)
    whole.load(accounts=CHANGED)
    for table in ("account_summary", "customer_profile"):
        assert _without_times(lending, table) == _without_times(whole, table)


def _without_times(lending: Lending, table: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "calculated_at"} for row in lending.rows(table)]


@on_delta
def test_a_session_that_ends_before_anything_is_written_leaves_all_as_it_was(
    lending: Lending, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.contents()
    lending.deliver(accounts=CHANGED)
    with monkeypatch.context() as patched:
        patched.setattr("lc_ibis.building._refuse_stale", lambda *_: end())
        with pytest.raises(SessionEnded) as refused:
            lending.build(allow_mass_delete=True)
    assert refused.value.is_undone
    assert lending.contents() == before


@on_delta
def test_a_server_that_was_restarted_is_not_taken_for_an_empty_one(lending: Lending, tmp_path: Path) -> None:
    """Sail makes the session anew under its id, without the tables: no history is begun anew without a word."""
    from pyspark.sql.connect.session import SparkSession

    from tests.connect_server import ConnectServer, left

    shared = SparkSession.getActiveSession()
    assert shared is not None
    left(shared)  # the next test has a new one
    server = ConnectServer(tmp_path)
    lending.options["remote"] = server.address
    try:
        server.session()
        lending.load([ANN, BEN], ACCOUNTS)
        server.stop()
        with pytest.raises(DatabaseError, match="no Spark Connect server answers"):
            lending.build()
        server = ConnectServer(tmp_path, server.port)
        with pytest.raises(DatabaseError, match=r"there are no tables\. The session that was active has ended"):
            lending.build()
        assert lending.build().run_id == 1  # as it said
    finally:
        server.stop()


@on_delta
def test_a_server_that_is_gone_is_told_in_the_end(lending: Lending, tmp_path: Path) -> None:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from lc_ibis.backends.spark_session import Session
    from tests.connect_server import ConnectServer

    server = ConnectServer(tmp_path)
    session = Session(server.address)
    session.spark.client.set_retry_policies([DefaultPolicy(max_retries=1, initial_backoff=1)])
    server.stop()
    with pytest.raises(SessionEnded, match=r"\(the server no longer answers\). It last answered at 20"):
        session.fetch("SELECT 1")
    session.close()


@on_delta
def test_a_session_that_refuses_a_setting_is_told_as_one(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pyspark.sql.connect.conf import RuntimeConf

    from lc_ibis.backends.spark_session import Session

    set_ = RuntimeConf.set

    def refusing(self: Any, name: str, value: Any) -> None:
        if name == "spark.sql.session.timeZone":
            raise RuntimeError("CONFIG_NOT_AVAILABLE")
        set_(self, name, value)

    lending.deliver([ANN, BEN], ACCOUNTS)
    Session(lending.options["remote"]).spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    monkeypatch.setattr(RuntimeConf, "set", refusing)
    with pytest.raises(SettingsError, match="the Spark session refuses spark.sql.session.timeZone = UTC"):
        lending.build()
    assert "has ended" not in caplog.text


class _Answer(Exception):
    """As Spark Connect's client raises it."""

    def __init__(self, condition: str):
        super().__init__(f"[{condition}] of the handle")
        self._condition = condition

    def getCondition(self) -> str:
        return self._condition


@on_delta
@pytest.mark.parametrize(
    ("condition", "how"),
    [
        ("INVALID_HANDLE.SESSION_CLOSED", "the server closed it"),
        ("INVALID_HANDLE.SESSION_NOT_FOUND", "the server closed it"),
        ("INVALID_HANDLE.SESSION_CHANGED", "the server was restarted"),
        ("NO_ACTIVE_SESSION", "it was stopped, or the server restarted"),
    ],
)
def test_what_spark_and_databricks_say_of_a_session_that_ended(lending: Lending, condition: str, how: str) -> None:
    """Their own words, seen with the Connect server of Spark 4.0.5."""
    from lc_ibis.backends.spark_session import Session

    session = Session(lending.options["remote"])

    def answer(_: str) -> None:
        raise _Answer(condition)

    session.spark.sql = answer  # type: ignore[method-assign, assignment]
    try:
        with pytest.raises(SessionEnded, match=how):
            session.fetch("SELECT 1")
    finally:
        del session.spark.sql
    with pytest.raises(Exception, match="missing") as other:
        session.fetch("SELECT missing")
    assert not isinstance(other.value, SessionEnded)


@pytest.mark.parametrize("backend", ON_SPARK)
def test_spark_s_own_process_that_is_gone_is_told(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was published: the manifest names the files of before."""
    from lc_ibis.backends.parquet import Parquet

    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.files()
    lending.deliver(accounts=CHANGED)

    def gone(*_: Any) -> int:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(Parquet, "insert", gone)
        with pytest.raises(SessionEnded, match="Spark's process is gone, or was stopped.*Make a new one") as refused:
            lending.build(allow_mass_delete=True)
    assert refused.value.is_undone
    assert {name: lending.files()[name] for name in before} == before
    assert lending.build(allow_mass_delete=True).status == "built"


def test_a_warehouse_whose_session_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("databricks.sql", reason="databricks-sql-connector is not installed: lc-ibis[databricks]")
    from lc_ibis.backends.databricks import Warehouse

    warehouse = object.__new__(Warehouse)
    warehouse._token = "dapi0"
    error = RuntimeError("BAD_REQUEST: Invalid SessionHandle: Session [01f0] is closed.")
    with caplog.at_level(logging.DEBUG):
        raised = warehouse._failed("Databricks refused a statement", error)
    assert isinstance(raised, SessionEnded)
    assert "the warehouse closed it" in str(raised)
    assert warehouse.has_ended
