"""Spark sessions that end: between two builds, in the middle of one, with their server; and what is said of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.backends.spark.delta import Delta
from lc_ibis.cli import main
from lc_ibis.engine.state.run import TableRun
from lc_ibis.errors import DatabaseError, SessionEnded, SettingsError
from tests.conftest import ON_DELTA, ON_SPARK, Lending
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN

CHANGED = [("A1", "1", "7.00", "Savings"), *ACCOUNTS[2:], ("B9", "2", "9.00", "Savings")]
on_delta = pytest.mark.parametrize("backend", ON_DELTA)
on_spark = pytest.mark.parametrize("backend", ON_SPARK)
WRITING = ("MERGE", "INSERT", "CREATE OR REPLACE")
SINCE = r"It last answered at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\."
TORN = "Some tables may be updated and others not. The next build checks all of them."
UNDONE = "Nothing was published"


@pytest.fixture
def end(lending: Lending, connect_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """End the active session on its server, while its client does not know; a new one will know its tables."""
    from pyspark.sql.connect.session import SparkSession

    from lc_ibis.backends.spark import session as spark_session
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


def _commanded(lending: Lending) -> Any:
    """Build by the command line."""
    words = [word for name, place in lending.places().items() for word in (f"--{name}", str(place))]
    return CliRunner().invoke(main, ["build", "--allow-mass-delete", *words])


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
    assert re.search(
        rf"the Spark session has ended \(the server closed it.*\)\. {SINCE} Opening a new one\.", caplog.text
    )
    assert "Run the command again" not in caplog.text
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
        if sql.startswith(WRITING):
            if begun[0] == commits:
                end()
            begun[0] += 1
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", ending)
        ended = _commanded(lending)
    assert ended.exit_code == 1, ended.output
    assert re.search(
        r"Error: backend: the Spark session has ended \(the server closed it, .*\)\. "
        rf"{SINCE} Run the command again\. It opens a new session\.",
        ended.output,
    )
    assert TORN in ended.output, ended.output
    assert UNDONE not in ended.output
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
        patched.setattr("lc_ibis.api.build.refuse_stale", lambda *_: end())
        with pytest.raises(SessionEnded) as refused:
            lending.build(allow_mass_delete=True)
    assert refused.value.is_undone
    assert lending.contents() == before


@on_delta
@pytest.mark.parametrize("stop", [RuntimeError("the disk of the engine is full"), KeyboardInterrupt()])
def test_a_build_that_anything_cuts_off_between_two_commits_says_so(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    lending.deliver(accounts=CHANGED)
    run, begun = Delta._run, [0]

    def stopping(self: Delta, sql: str) -> None:
        begun[0] += sql.startswith(WRITING)
        if begun[0] == 3 and sql.startswith(WRITING):
            raise stop
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", stopping)
        ended = _commanded(lending)
    assert ended.exit_code == 1
    assert TORN in ended.output
    if isinstance(stop, KeyboardInterrupt):
        assert "Aborted!" in ended.output
    else:
        assert ended.exception is stop  # its traceback is printed
    lending.load()
    assert _statuses(lending) == {"identical"}


@on_delta
@pytest.mark.parametrize("error", [DatabaseError("PERMISSION_DENIED"), RuntimeError("PERMISSION_DENIED")])
def test_a_first_note_that_is_refused_has_changed_nothing(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.contents()
    lending.deliver(accounts=CHANGED)
    run = Delta._run

    def refusing(self: Delta, sql: str) -> None:
        if sql.startswith(WRITING):
            raise error
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", refusing)
        ended = _commanded(lending)
    assert ended.exit_code == 1
    assert TORN not in ended.output
    assert (UNDONE in ended.output) == isinstance(error, DatabaseError)
    assert lending.contents() == before
    assert {table.reason for table in lending.load().tables} != {"the last build was cut off"}


@on_delta
def test_a_last_note_whose_answer_is_lost_ends_the_build_well(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, journals = Delta._run, [0]

    def losing(self: Delta, sql: str) -> None:
        run(self, sql)
        journals[0] += sql.startswith("CREATE OR REPLACE") and "`journal`" in sql
        if journals[0] == 2 and "`journal`" in sql:
            raise RuntimeError("the answer is lost")

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", losing)
        assert lending.load([ANN, BEN], ACCOUNTS).status == "built"
    assert lending.build().status == "unchanged"


@on_delta
def test_a_session_that_ends_after_all_is_published_fails_no_build(
    lending: Lending, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, ended = Delta._run, []

    def ending(self: Delta, sql: str) -> None:
        if sql.startswith("DROP TABLE") and not ended:
            ended.append(sql)
            end()
        run(self, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Delta, "_run", ending)
        assert lending.load([ANN, BEN], ACCOUNTS).status == "built"
    assert ended
    assert "the Spark session has ended" in caplog.text
    assert lending.build().status == "unchanged"


@on_delta
def test_names_that_cannot_be_dropped_hide_no_error(
    lending: Lending, end: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    from lc_ibis.backends.spark.session import Session

    session = Session(lending.options["remote"])
    session.view(session.spark.sql("SELECT 1 AS one"), ibis.schema({"one": "int32"}))
    end()
    session.close()
    assert session.has_ended
    assert re.search(r"temporary views stay .*the Spark session has ended", caplog.text)


@on_delta
def test_a_session_that_another_process_uses_too_is_taken_as_it_is(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id: what that process knows of it is not known here."""
    from pyspark.sql.connect.session import SparkSession

    from lc_ibis.backends.spark import life
    from lc_ibis.backends.spark.session import Session

    first = Session(lending.options["remote"])
    known = life._known[first.spark].mark
    address = f"{lending.options['remote']}/;session_id={first.spark.session_id}"
    second: Any = SparkSession.builder.remote(address).create()
    life._stopped.append(second)  # what is collected closes what the first needs
    assert not life.Life(second, None)._has_lost_its_mark()
    with monkeypatch.context() as patched:
        patched.setattr(SparkSession._active_session, "session", second)
        assert lending.load([ANN, BEN], ACCOUNTS).status == "built"
    assert life._known[second].mark == known
    assert known
    assert lending.build().status == "unchanged"


@on_delta
def test_a_new_session_is_in_the_catalog_of_the_one_that_ended(
    lending: Lending, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql.connect.catalog import Catalog

    from lc_ibis.backends.spark.session import Session

    chosen: dict[Any, str] = {}
    now = Catalog.currentCatalog
    monkeypatch.setattr(Catalog, "currentCatalog", lambda self: chosen.get(self._sparkSession.session_id, now(self)))
    monkeypatch.setattr(
        Catalog, "setCurrentCatalog", lambda self, name: chosen.update({self._sparkSession.session_id: name})
    )
    old = Session(lending.options["remote"])
    old.spark.catalog.setCurrentCatalog("lake")
    Session(lending.options["remote"])  # as a build begins
    end()
    new = Session(lending.options["remote"])
    assert new.replaces_ended
    assert new.spark.catalog.currentCatalog() == "lake"
    new.close()


def _another_server(lending: Lending, directory: Path) -> Any:
    """Have builds use a server that may be stopped; the next test has a new session of the one that is shared."""
    from pyspark.sql.connect.session import SparkSession

    from tests.connect_server import ConnectServer, left

    shared = SparkSession.getActiveSession()
    assert shared is not None
    left(shared)
    server = ConnectServer(directory)
    lending.options["remote"] = server.address
    server.session()
    return server


@on_delta
def test_a_server_that_is_restarted_before_the_first_commit_is_told_as_such(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the tables there is no journal either: no other build has written one."""
    from tests.connect_server import ConnectServer

    server = _another_server(lending, tmp_path)
    commit = Delta._commit

    def restarted(self: Delta) -> None:
        nonlocal server
        server.stop()
        server = ConnectServer(tmp_path, server.port)
        commit(self)

    try:
        lending.load([ANN, BEN], ACCOUNTS)
        lending.deliver(accounts=CHANGED)
        with monkeypatch.context() as patched:
            patched.setattr(Delta, "_commit", restarted)
            with pytest.raises(SessionEnded, match="the server was restarted") as refused:
                lending.build(allow_mass_delete=True)
        assert refused.value.is_undone
        assert not vars(refused.value)["is_torn"]
    finally:
        server.stop()


@on_delta
def test_a_server_that_was_restarted_is_not_taken_for_an_empty_one(lending: Lending, tmp_path: Path) -> None:
    """Sail makes the session anew under its id, without the tables: no history is begun anew without a word."""
    from tests.connect_server import ConnectServer

    server = _another_server(lending, tmp_path)
    try:
        lending.load([ANN, BEN], ACCOUNTS)
        server.stop()
        with pytest.raises(DatabaseError, match="cannot reach a Spark Connect server"):
            lending.build()
        server = ConnectServer(tmp_path, server.port)
        with pytest.raises(DatabaseError, match=r"no tables found\. The active session has ended"):
            lending.build()
        assert lending.build().run_id == 1  # as it said
    finally:
        server.stop()


@on_delta
def test_a_server_that_is_gone_is_told_in_the_end(lending: Lending, tmp_path: Path) -> None:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from lc_ibis.backends.spark.session import Session
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

    from lc_ibis.backends.spark.session import Session

    set_ = RuntimeConf.set

    def refusing(self: Any, name: str, value: Any) -> None:
        if name == "spark.sql.session.timeZone":
            raise RuntimeError("CONFIG_NOT_AVAILABLE")
        set_(self, name, value)

    lending.deliver([ANN, BEN], ACCOUNTS)
    Session(lending.options["remote"]).spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    monkeypatch.setattr(RuntimeConf, "set", refusing)
    with pytest.raises(SettingsError, match="the Spark session rejects spark.sql.session.timeZone = UTC"):
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
    from lc_ibis.backends.spark.session import Session

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


@on_spark
def test_spark_s_own_process_that_is_gone_is_told(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was published: the manifest names the files of before."""
    from lc_ibis.backends.spark.parquet import Parquet

    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.files()
    lending.deliver(accounts=CHANGED)

    def gone(*_: Any) -> int:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(Parquet, "insert", gone)
        patched.setattr("lc_ibis.backends.spark.life.is_running", lambda _: False)
        with pytest.raises(SessionEnded, match="Spark's process is gone.*Start a new process, then run") as refused:
            lending.build(allow_mass_delete=True)
    assert refused.value.is_undone
    assert {name: lending.files()[name] for name in before} == before
    assert lending.build(allow_mass_delete=True).status == "built"


@on_spark
@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), BrokenPipeError(32, "of a pager")]
)
def test_a_service_that_refuses_is_not_taken_for_spark(lending: Lending, error: OSError) -> None:
    class Calling:
        def begun(self, what: str) -> None:
            raise error

        def done(self, table: TableRun) -> None: ...

    lending.deliver([ANN, BEN], ACCOUNTS)
    with pytest.raises(type(error)) as raised:
        lending.build(progress=Calling())
    assert raised.value is error


@on_spark
def test_a_build_after_spark_s_own_process_is_gone_is_told_too(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked first is which session is active, and of Java."""
    from pyspark.sql import SparkSession

    def gone() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    lending.deliver([ANN, BEN], ACCOUNTS)
    with monkeypatch.context() as patched:
        patched.setattr(SparkSession, "getActiveSession", gone)
        for doing in (lending.build, partial(lc_ibis.compact, **lending.options)):
            with pytest.raises(SessionEnded, match="Spark's process is gone.*Start a new process, then run this again"):
                doing()
    assert lending.build().status == "built"


def test_a_warehouse_whose_session_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("databricks.sql", reason="databricks-sql-connector is not installed: lc-ibis[databricks]")
    from lc_ibis.backends.spark.databricks import Warehouse

    warehouse = object.__new__(Warehouse)
    warehouse._token = "dapi0"
    error = RuntimeError("BAD_REQUEST: Invalid SessionHandle: Session [01f0] is closed.")
    with caplog.at_level(logging.DEBUG):
        raised = warehouse._failed("Databricks rejected a statement", error)
    assert isinstance(raised, SessionEnded)
    assert "the warehouse closed it" in str(raised)
    assert warehouse.has_ended
    warehouse.verify()
