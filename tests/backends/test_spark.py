"""Spark's own engine: what is sure of its tables below a directory, its settings, and parity with DuckDB."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api.parity import parity
from lc_ibis.backends.spark.manifest import locked
from lc_ibis.cli import main
from lc_ibis.compiled.queries import Query
from lc_ibis.errors import ChecksFailed, DatabaseError, SettingsError
from lc_ibis.layers import pipeline
from tests.api.test_extension import DAYS as LOAN_DAYS
from tests.api.test_extension import THEIRS, project  # noqa: F401
from tests.conftest import ALICE, ON_DELTA, ON_SPARK, SAVINGS, Lending
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN
from tests.layers.test_sample import DAYS

pytestmark = pytest.mark.usefixtures("of_few_rows")

on_spark = pytest.mark.parametrize("backend", ON_SPARK)
on_delta = pytest.mark.parametrize("backend", ON_DELTA)
HUGE = ("A9", "1", "9999999999999999.99", "Savings")


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


@on_spark
def test_the_sample_is_the_same_on_spark_as_on_duckdb(lending: Lending, project: Path) -> None:  # noqa: F811
    """Law 6 (docs/laws.md). The example of loans has all tables of the sample, and those of a third source."""
    compared = parity("spark", **LOAN_DAYS)
    assert {result.table for result in compared} == {m.name for m in pipeline if m.is_stored} | set(THEIRS)
    assert {result.status for result in compared} == {"identical"}


@on_delta
def test_the_sample_is_the_same_over_connect(lending: Lending) -> None:
    days = {"inputs": DAYS["day1"], "then": (DAYS["day2"],)}
    compared = parity("spark", remote=lending.options["remote"], **days)
    assert {result.status for result in compared} == {"identical"}
    assert all(result.hashes[0] == result.hashes[1] and result.row_counts[0] > 0 for result in compared)


@on_delta
def test_parity_leaves_no_schema_behind(lending: Lending) -> None:
    from lc_ibis.backends.spark.session import Session

    parity("spark", remote=lending.options["remote"], inputs=DAYS["day1"], database="mine")
    schemas = {next(iter(row.values())) for row in Session(lending.options["remote"]).fetch("SHOW SCHEMAS").to_pylist()}
    assert not {name for name in schemas if name.startswith("mine")}


@on_delta
def test_a_server_is_not_taken_for_another(lending: Lending) -> None:
    """Though a session with one is active, the other is asked for."""
    with pytest.raises(DatabaseError, match="sc://127.0.0.1:1: cannot reach a Spark Connect server"):
        lc_ibis.build(**{**lending.places(), "remote": "sc://127.0.0.1:1"})


@on_spark
def test_a_cluster_beside_an_active_session_is_refused(lending: Lending) -> None:
    with pytest.raises(SettingsError, match="a Spark session is already active. Remove --master"):
        lending.build(master="spark://127.0.0.1:1")


@on_delta
def test_parity_names_the_keys_that_differ(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    from lc_ibis.backends.spark.delta import Delta

    rows = Delta.write_file

    def spoilt(self: Delta, query: Any, path: Path, format: str) -> None:
        is_compared = "account_summary" in path.name and not isinstance(query, Query)
        rows(self, query.filter(query.account_id != "A1") if is_compared else query, path, format)

    monkeypatch.setattr(Delta, "write_file", spoilt)
    lending.deliver([ANN, BEN], ACCOUNTS)
    where = ["--inputs", str(lending.inputs), "--remote", lending.options["remote"]]
    ended = CliRunner().invoke(main, ["parity", *where])
    assert ended.exit_code == 1
    assert "DIFFERS account_summary: 8 and 7 rows, by account_id: A1" in ended.output
    assert "1 of 14 tables differ." in ended.output


@pytest.mark.usefixtures("any_amount")
@on_spark
def test_a_life_on_spark(lending: Lending, caplog: pytest.LogCaptureFixture) -> None:
    """First build, errors, a locked directory, a build by key, verify, runs, show as of: in one test, for its length."""
    lending.deliver([ALICE], [SAVINGS, HUGE])
    with pytest.raises(ChecksFailed):
        lending.build()
    assert not lending.database.exists()
    with pytest.raises(DatabaseError, match="no database found. Create it with lc-ibis build --backend spark"):
        lending.rows("account_summary")
    first = lending.load([ANN, BEN], ACCOUNTS)
    before = _files(lending.database)
    with pytest.raises(ChecksFailed):
        lending.load(accounts=[*ACCOUNTS, HUGE])
    assert _files(lending.database) == before
    lock = locked(lending.database)
    with pytest.raises(DatabaseError, match="in use by process"):
        lending.build()
    lock.release()
    run = lending.load(accounts=[("A1", "1", "7.00", "Savings"), *ACCOUNTS[1:7]], partitioned=True)
    assert {table.table: table.key_count for table in run.tables}["account_summary"] == 2
    assert {result.status for result in lc_ibis.verify(**lending.options)} == {"identical"}
    with caplog.at_level(logging.DEBUG, logger="lc_ibis"):  # as --debug has it
        assert len(lending.rows("account_summary")) == 7
    assert "== Physical Plan ==" in caplog.text
    assert len(lending.rows("account_summary", as_of=first.run_at)) == 8
    assert [event.what for event in lc_ibis.history("account", "A1", **lending.options)] == ["first seen", "changed"]
    assert lc_ibis.diff("account_summary", "1", **lending.options).column_counts["original_balance_amount"] == 1
    steps = lc_ibis.explain("account_summary", "A1", inputs=lending.inputs, **lending.options)
    assert [line.number for line in steps[-2].lines] == [2]
    assert lc_ibis.test(**lending.options).status == "passed"
    assert pq.read_table(lending.outputs / "account_summary").num_rows == 7
    assert lending.build(partitioned=True).status == "unchanged"
    assert {table.action for table in lc_ibis.plan(**lending.places())} == {"skipped"}
    assert not list(lending.database.glob("scratch/*/*"))


@on_spark
def test_a_build_killed_in_the_middle_is_made_good_by_the_next(lending: Lending) -> None:
    """SIGKILL to the program and its Java, at a table half way."""
    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.contents()
    lending.deliver(accounts=ACCOUNTS[2:])
    options = {name: str(value) for name, value in lending.places().items()}
    code = (
        "import os, signal, sys, lc_ibis\n"
        "class killed:\n"
        "    begun = print\n"
        "    def done(table):\n"
        "        if table.table == 'snap_account':\n"
        "            os.killpg(0, signal.SIGKILL)\n"
        f"lc_ibis.build(progress=killed, allow_mass_delete=True, **{options!r})"
    )
    ended = subprocess.run([sys.executable, "-c", code], start_new_session=True, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert lending.contents() == before
    assert lending.load().status == "built"
    assert {result.status for result in lc_ibis.verify(**lending.options)} == {"identical"}
    assert len(lending.rows("account_summary")) == 6


@on_spark
def test_settings_that_parity_needs_are_set(lending: Lending, spark: Any) -> None:
    from lc_ibis.backends.spark.session import MEANING, Session

    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    session = Session()
    assert session.spark is spark
    assert {name: spark.conf.get(name) for name in MEANING} == MEANING


@on_spark
def test_a_databricks_job_gives_its_session(lending: Lending, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lc_ibis.backends.spark.session import Session

    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    session = Session()
    assert session.spark is spark
    assert session.has_delta
    session.close()
    assert spark.sql("SELECT 1").count() == 1


class Serverless:
    """A session that tells and takes two settings alone, as serverless compute does."""

    def __init__(self, spark: Any, refused: str = ""):
        self._spark, self._refused, self.conf = spark, refused, self

    def get(self, name: str, *_: Any) -> Any:
        if name not in ("spark.sql.ansi.enabled", "spark.sql.session.timeZone") or name == self._refused:
            raise RuntimeError(f"[CONFIG_NOT_AVAILABLE] Configuration {name} is not available.")
        return self._spark.conf.get(name)

    def sql(self, query: str) -> Any:
        return self._spark.sql(query)


@on_spark
def test_serverless_compute_is_looked_at_where_it_cannot_be_set(lending: Lending, spark: Any) -> None:
    from lc_ibis.backends.spark.life import Life
    from lc_ibis.backends.spark.session import _settle

    def _settled(session: Any) -> None:
        _settle(session, Life(session, None))

    spark.conf.set("spark.sql.session.timeZone", "UTC")  # as it is there
    _settled(Serverless(spark))
    with pytest.raises(SettingsError, match="the Spark session rejects spark.sql.ansi.enabled = true"):
        _settled(Serverless(spark, refused="spark.sql.ansi.enabled"))
    spark.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
    try:
        with pytest.raises(SettingsError, match="TIMESTAMP is timestamp_ntz. Set it to a type with a time zone"):
            _settled(Serverless(spark))
    finally:
        spark.conf.set("spark.sql.timestampType", "TIMESTAMP_LTZ")


@on_spark
def test_null_is_not_nan_and_times_are_utc(lending: Lending) -> None:
    lending.load([("1", None, "No"), ("2", "nan", "No"), ("3", "NULL", "Yes")], [SAVINGS])
    assert lending.rows("src_customer", "name") == [None, "nan", "NULL"]
    [stamp] = set(lending.rows("src_customer", "loaded_at"))
    assert abs(stamp.timestamp() - time.time()) < 24 * 3600
    assert stamp.tzinfo is None


def test_without_java_spark_says_so(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    session = pytest.importorskip("lc_ibis.backends.spark.session")
    monkeypatch.setattr(session.shutil, "which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SettingsError, match="Spark needs Java 17, but no Java was found"):
        session._started(None, None, None)


def test_a_package_that_is_missing_is_named(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lc_ibis.backends.spark.session", None)
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(SettingsError, match=r"Install lc-ibis\[spark\]"):
        lc_ibis.build(**{**lending.places(), "backend": "spark"})


def test_a_server_that_does_not_answer_is_named_without_its_token(lending: Lending) -> None:
    pytest.importorskip("grpc")
    code = (
        "import lc_ibis; lc_ibis.build(backend='spark', remote='sc://127.0.0.1:1/;token=secret', "
        f"inputs={str(lending.inputs)!r})"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "sc://127.0.0.1:1: cannot reach a Spark Connect server" in ended.stderr.splitlines()[-1]
    assert "secret" not in ended.stderr.splitlines()[-1]


def test_a_manifest_that_cannot_be_read_is_named(lending: Lending) -> None:
    pytest.importorskip("pyspark")
    from lc_ibis.backends.spark.manifest import Manifest

    (lending.root / "tables.json").write_text(json.dumps({})[:1])
    with pytest.raises(DatabaseError, match="cannot read it"):
        Manifest(lending.root).read()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a Spark master with two workers, on loopback; Spark keeps their directories below tmp_path."""
    from pyspark.find_spark_home import _find_spark_home

    launcher = str(Path(_find_spark_home(), "bin", "spark-class"))
    variables = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(tmp_path / "work")}
    port = _free_port()
    master, processes = f"spark://127.0.0.1:{port}", []
    daemon = "org.apache.spark.deploy"
    commands = [[f"{daemon}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]]
    commands += [[f"{daemon}.worker.Worker", "-c", "1", "-m", "1g", "--webui-port", "0", master]] * 2
    try:
        for command in commands:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen([launcher, *command], env=variables, **quiet))
        yield master
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.long
@on_spark
def test_a_cluster_of_two_workers_makes_the_same(lending: Lending, cluster: str) -> None:
    """In a process of its own: a session has one master for life."""
    command = [sys.executable, "-m", "lc_ibis", "parity", "--master", cluster, "--inputs", str(DAYS["day1"])]
    variables = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "identical: 14 tables." in ended.stdout
