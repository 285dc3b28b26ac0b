"""A Databricks SQL warehouse, for the Delta tables of delta.py; credentials come from the environment alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

# Ibis' backend of Databricks is imported where its package is missing too, and says so only when it is used.
from databricks import sql as _sql  # noqa: F401
from ibis.backends.databricks import Backend

from lc_ibis.backends.spark.life import AGAIN, ENDED
from lc_ibis.backends.spark.tables import copying_arrow, exact, named
from lc_ibis.backends.statements import Statements
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.errors import DatabaseError, ModelError, SessionEnded, SettingsError

HOST, TOKEN, HTTP_PATH = "DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_HTTP_PATH"
CATALOG, SCHEMA = "DATABRICKS_CATALOG", "DATABRICKS_SCHEMA"
# What one meaning on all engines rests on, as in spark_session.py.
_MEANING = {"ansi_mode": "true", "timezone": "UTC"}


class _Ibis(Backend):  # type: ignore[misc]
    dialect = DIALECTS["databricks"]


class Warehouse:
    """The SQL warehouse that the environment names. Raises SettingsError, DatabaseError; no error holds the token."""

    def __init__(self) -> None:
        missing = [name for name in (HOST, TOKEN, HTTP_PATH) if not os.environ.get(name)]
        if missing:
            raise SettingsError(f"backend: databricks needs the environment variables {', '.join(missing)}.")
        self._token = os.environ[TOKEN]
        self.has_ended = self.replaces_ended = False
        self.version = ""  # a warehouse is updated at any time
        self.statements = Statements(self._plan)
        host = os.environ[HOST].removeprefix("https://").rstrip("/")
        try:
            self.con = _Ibis().connect(
                server_hostname=host, http_path=os.environ[HTTP_PATH], access_token=self._token,
                catalog=os.environ.get(CATALOG) or None, session_configuration=_MEANING,
            )  # fmt: skip
        except Exception as error:
            raise self._failed(f"{host}: no connection", error) from None

    def _plan(self, sql: str) -> str:
        """Return a statement's plan, as EXPLAIN FORMATTED does."""
        with self.con.con.cursor() as cursor:
            cursor.execute(f"EXPLAIN FORMATTED {sql}")
            return str(cursor.fetchall_arrow()["plan"][0])

    @staticmethod
    def place() -> str:
        """Return the catalog and the prefix of the schemas that the environment names."""
        schema = os.environ.get(SCHEMA) or "lc_ibis"
        return f"{os.environ[CATALOG]}.{schema}" if os.environ.get(CATALOG) else schema

    def verify(self) -> None:
        """Nothing: a warehouse never makes a session anew under its id, and each statement tells of its end."""

    def fetch(self, sql: str) -> pa.Table:
        """Run a statement and return its rows."""
        try:
            with self.statements.timed(sql), self.con.con.cursor() as cursor:
                cursor.execute(sql)
                rows = cursor.fetchall_arrow()
        except Exception as error:
            raise self._failed("Databricks rejected a statement", error) from None
        return pa.table({}) if rows is None else rows

    def schema(self, sql: str) -> ibis.Schema:
        """Return the columns and types that Databricks gives a query, without running it."""
        rows = self.fetch(f"DESCRIBE {sql}").to_pylist()
        types = self.con.compiler.type_mapper
        return ibis.schema({row["col_name"]: exact(types.from_string(row["data_type"])) for row in rows})

    def load(self, rows: pa.Table, schema: ibis.Schema) -> ir.Table:
        """Return rows that are here as a table there: Ibis puts them into a volume as Parquet."""
        table = ibis.memtable(rows)
        self.con._register_in_memory_table(table.op())
        return named(self.con, schema, table.op().name)

    def define(self, udf: Any) -> None:
        """Refuse a Python function: Ibis has no way to hand one to a warehouse. Raises ModelError."""
        raise ModelError(
            f"{udf.__func_name__}: a SQL warehouse cannot run Python functions. Write it as an Ibis expression, or "
            "create it in Unity Catalog and declare it with ibis.udf.scalar.builtin."
        )

    def write_parts(self, sql: str, schema: ibis.Schema, directory: Path) -> None:
        """Run a query and write its rows to Parquet files here: a warehouse has no hand in the directory."""
        copying_arrow(self.fetch(sql), schema, directory, "parts")

    def close(self) -> None:
        """Close the connection."""
        self.statements.summary()
        self.con.disconnect()

    def _failed(self, what: str, error: Any) -> DatabaseError:
        said = str(error).replace(self._token, "***").strip().splitlines() or [type(error).__name__]
        if "Invalid SessionHandle" in said[0]:
            self.has_ended = True
            return SessionEnded(f"{ENDED} (the warehouse closed it). {AGAIN}")
        return DatabaseError(f"{what} ({said[0][:500]}).")
