"""The Spark session that a build runs in: the active one, one of a Connect server or a cluster, or a local one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkSchema, PySparkType
from ibis.expr.operations.udf import InputType
from pyspark import cloudpickle
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lc_ibis.backends.spark.life import Life, asking_java, is_connect
from lc_ibis.backends.spark.tables import ibis_type, named
from lc_ibis.backends.statements import Statements
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.declare.failures import failed
from lc_ibis.declare.rules.functions import by_value, called
from lc_ibis.errors import DatabaseError, ModelError, SessionEnded, SettingsError
from lc_ibis.redaction import logger

log = logger(__name__)

# What one meaning on all engines rests on: errors in place of wrong values, times in UTC, exact to the microsecond.
MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
# Serverless compute neither tells nor takes these: the type of times is looked at, and Parquet is not written there.
_LOOKED_AT = ("spark.sql.timestampType", "spark.sql.parquet.outputTimestampType")
# A session that is started here: no browser page, quiet.
_OURS = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
_CONNECT_PORT = 15002
_QUIET = Path(__file__).with_name("log4j2.properties")


_ = ibis.pyspark  # has Ibis know the options of that backend, which its compiler asks for


class _Ibis(Backend):  # type: ignore[misc]
    dialect = DIALECTS["pyspark"]


class Session:
    """A Spark session as the stores use it. Raises SettingsError, DatabaseError; SessionEnded once it is no more."""

    def __init__(
        self, remote: str | None = None, master: str | None = None, threads: int | None = None,
        memory_limit: str | None = None,
    ):  # fmt: skip
        active = _active(remote)
        if active and master:
            raise SettingsError("master: a Spark session is already active. Remove --master to use its cluster.")
        self.spark = active or (_connected(remote) if remote else _started(master, threads, memory_limit))
        self._is_ours = active is None
        self.life = Life(self.spark, remote)
        self.replaces_ended = False
        try:
            _settle(self.spark, self.life)
        except SessionEnded:
            if not remote or self._is_ours:
                raise
            # Its address alone says what it is, so another is as good.
            self._replace(remote)
        self.con = _Ibis().connect(self.spark)
        # A server tells what it is, and may be another by the next build.
        self.version = "" if is_connect(self.spark) else f"Spark {self.spark.version}"
        self._views: list[str] = []
        self._defined: set[type] = set()
        self.statements = Statements(partial(_plan, self.spark))

    def _replace(self, remote: str) -> None:
        """Take a new session of that address, in the catalog of the one that has ended."""
        log.warning("%s Opening a new one.", self.life.told)
        self.life.leave()
        catalog = self.life.catalog
        self.spark, self._is_ours, self.replaces_ended = _connected(remote), True, True
        self.life = Life(self.spark, remote)
        _settle(self.spark, self.life)
        if catalog and catalog != self.life.catalog:
            with self.life.watched():
                self.spark.catalog.setCurrentCatalog(catalog)

    @property
    def has_delta(self) -> bool:
        """Say whether tables can be Delta tables: on a Connect server, on Databricks, or where its extension is."""
        with self.life.watched():
            return _has_delta(self.spark)

    @property
    def has_ended(self) -> bool:
        """Say whether the session is known to be no more."""
        return self.life.has_ended

    def verify(self) -> None:
        """Raise SessionEnded where the session is known to be no more, or to be another."""
        self.life.verify()

    def fetch(self, sql: str) -> pa.Table:
        """Run a statement and return its rows."""
        try:
            with self.life.watched(), self.statements.timed(sql):
                return self.spark.sql(sql).toArrow()
        except PySparkException as error:
            if how := failed(error):
                raise ModelError(how) from None
            raise

    def schema(self, sql: str) -> ibis.Schema:
        """Return the columns and types that Spark gives a query, without running it."""
        with self.life.watched():
            return ibis.schema({field.name: ibis_type(field.dataType) for field in self.spark.sql(sql).schema})

    def view(self, rows: object, schema: ibis.Schema) -> ir.Table:
        """Return a data frame as an Ibis table; its name is dropped when the session is closed."""
        name = f"lc_ibis_{uuid4().hex}"
        with self.life.watched():
            rows.createOrReplaceTempView(name)  # type: ignore[attr-defined]
        self._views.append(name)
        return named(self.con, schema, name)

    def load(self, rows: pa.Table, schema: ibis.Schema) -> ir.Table:
        """Return rows that are here as a table there."""
        # Of no rows Spark asks what the columns are.
        given = (rows,) if len(rows) else ([], PySparkSchema.from_ibis(schema))
        with self.life.watched():
            return self.view(self.spark.createDataFrame(*given), schema)

    def define(self, udf: Any) -> None:
        """Let Spark call a Python function, under the name that Ibis compiles it to. Raises ModelError."""
        if type(udf) in self._defined:
            return
        if udf.__input_type__ is not InputType.PYTHON:
            # Ibis would hand it to Spark as one that is called by row, with values that are no arrays.
            raise ModelError(
                f"{udf.__func_name__}: Spark cannot run pyarrow functions. Declare it with ibis.udf.scalar.python."
            )
        by_value(udf, cloudpickle)
        name = self.con.compiler.__sql_name__(udf)
        self.spark.udf.register(name, called(udf, local_times=True), PySparkType.from_ibis(udf.dtype))
        self._defined.add(type(udf))

    def write_parts(self, sql: str, schema: ibis.Schema, directory: Path) -> None:
        """Run a query and have the executors write its rows to Parquet files in an empty directory.

        Times have no zone there, as in DuckDB's files. Of no rows some engines make no file.
        """
        with self.life.watched(), self.statements.timed(sql):
            rows = self.spark.sql(sql)
            for name, type_ in schema.items():
                if type_.is_timestamp():
                    rows = rows.withColumn(name, rows[name].cast("timestamp_ntz"))
            # A volume of Databricks is no place of the local file system to Spark.
            rows.write.mode("append").parquet(str(directory.resolve()) if _on_databricks() else to_write(directory))

    def close(self) -> None:
        """Forget what was named; a session that was started here ends."""
        self.statements.summary()
        if not (self._is_ours or self.has_ended):
            self._drop_views()
        if self._is_ours or self.has_ended:
            self.life.leave()

    def _drop_views(self) -> None:
        try:
            with self.life.watched():
                for name in self._views:
                    self.spark.catalog.dropTempView(name)
        except Exception as error:
            # They end with the session; what a build has to say is said.
            log.warning("backend: temporary views stay until the session ends (%s)", error)


def _plan(spark: SparkSession, sql: str) -> str:
    """Return a statement's plan, as EXPLAIN FORMATTED does; Spark does not tell what each part took."""
    return str(spark.sql(f"EXPLAIN FORMATTED {sql}").toArrow().to_pylist()[0]["plan"])


def to_write(path: Path) -> str:
    """Return a path of the local file system as Spark takes it to write there."""
    return f"file://{path.resolve()}"


def to_read(path: Path) -> str:
    """Return a path of the local file system as Spark takes it to read: no character of it a pattern's."""
    return re.sub(r"([\\*?\[\]{}^])", r"\\\1", to_write(path))


def keeps_delta(remote: str | None) -> bool:
    """Say whether the session that a build would take keeps Delta tables, without starting one."""
    active = _active(remote)
    with asking_java():
        return bool(remote) or (active is not None and _has_delta(active))


def _has_delta(session: SparkSession) -> bool:
    if is_connect(session) or _on_databricks():
        return True
    return "delta" in (session.conf.get("spark.sql.extensions", "") or "").lower()


def _active(remote: str | None) -> SparkSession | None:
    """Return the session that a job or a notebook has, if any; with `remote`, of that Connect server."""
    if remote:
        from pyspark.sql.connect.session import SparkSession as Remote

        active = Remote.getActiveSession()
        if active is None or getattr(active.client._builder, "endpoint", None) != _endpoint(remote):
            return None
        _refuse_silence(remote)
        return cast(SparkSession, active)
    with asking_java():
        # A task of a Databricks job has a session, which need not be the active one of its thread.
        return SparkSession.builder.getOrCreate() if _on_databricks() else SparkSession.getActiveSession()


def _on_databricks() -> bool:
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def _settle(spark: SparkSession, life: Life) -> None:
    """Have a session mean what all engines mean. Raises SettingsError, SessionEnded."""
    life.begin()
    for name, value in MEANING.items():
        try:
            with life.watched():
                if spark.conf.get(name, None) != value:
                    spark.conf.set(name, value)
        except SessionEnded:
            raise
        except Exception as error:
            if name not in _LOOKED_AT:
                raise SettingsError(
                    f"backend: the Spark session rejects {name} = {value} ({error}). Set it when you start the session."
                ) from None
    with life.watched():
        moment = spark.sql("SELECT TIMESTAMP '2000-01-01 00:00:00' AS moment").schema["moment"].dataType
    if moment.typeName() != "timestamp":
        raise SettingsError(
            f"backend: in this Spark session, TIMESTAMP is {moment.typeName()}. Set it to a type with a time zone."
        )


def _endpoint(remote: str) -> str:
    address = urlsplit(remote)
    return f"{address.hostname or ''}:{address.port or _CONNECT_PORT}"


def _connected(remote: str) -> SparkSession:
    from pyspark.sql.connect.session import SparkSession as Remote

    _refuse_silence(remote)
    return cast(SparkSession, Remote.builder.remote(remote).create())


def _refuse_silence(remote: str) -> None:
    """Raise DatabaseError where no server answers."""
    host, port = _endpoint(remote).rsplit(":", 1)
    try:
        # Spark itself would try for many minutes. What follows the host is in no error: a token may be there.
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise DatabaseError(
            f"sc://{host}:{port}: cannot reach a Spark Connect server ({error.strerror or error})."
        ) from None


def _started(master: str | None, threads: int | None, memory_limit: str | None) -> SparkSession:
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        raise SettingsError("backend: Spark needs Java 17, but no Java was found. Install it or set JAVA_HOME.")
    # The Python of Spark's workers, of which Spark would take the first python3 on the path.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = dict(_OURS)
    settings["spark.driver.extraJavaOptions"] = f"-Dlog4j2.configurationFile={_QUIET.as_uri()}"
    if master is None:
        # Spark cuts each shuffle into 200 tasks unless told otherwise, which is for clusters.
        settings["spark.sql.shuffle.partitions"] = str(2 * (threads or os.cpu_count() or 1))
    if memory_limit:
        settings["spark.driver.memory"] = memory_limit.removesuffix("B").lower()
    builder = SparkSession.builder.master(master or f"local[{threads or '*'}]").appName("lc-ibis")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
