"""The old names: which table and column of ours they mean, and views that keep them for a transition.

A view names schema and table alone, so that it is found under whatever name the file is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lc_ibis.backends import opened
from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.declare.contracts import Contract, Flag, Text, column, key
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.migration import Migration
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.record import ensure
from lc_ibis.settings import Settings

TABLE = "aliases"
MARTS, STAGING = "main_marts", "main_staging"


@dataclass(frozen=True)
class OldColumn:
    """A column as it was called: its type, our column, and our value in its terms, as SQL."""

    name: str
    type: str
    new: str
    value: str


@dataclass(frozen=True)
class OldTable:
    """A table or view as it was called, and the model of ours that has its rows."""

    schema: str
    name: str
    model: str
    columns: tuple[OldColumn, ...]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def _column(name: str, type_: str, new: str, value: str = "{}") -> OldColumn:
    return OldColumn(name, type_, new, value.format(quoted(new)))


_YES_OR_NO = "CASE WHEN {} THEN 'Yes' ELSE 'No' END"
_CAPITAL = "upper({0}[1]) || {0}[2:]"
_OWNER = (_column("name", "VARCHAR", "customer_name"), _column("has_loan", "VARCHAR", "has_loan_flag", _YES_OR_NO))
_BALANCE = _column("balance", "DECIMAL(10,2)", "balance_amount")
_ACCOUNT = (_column("account_id", "VARCHAR", "account_id"), _column("customer_id", "INTEGER", "customer_id"))
THREE_LAYERS = (
    OldTable("raw", "customers_raw", "src_customer", (
        _column("CustomerID", "BIGINT", "customer_id"), _column("Name", "VARCHAR", "name"),
        _column("HasLoan", "VARCHAR", "has_loan"),
    )),
    OldTable("raw", "accounts_raw", "src_account", (
        _column("AccountID", "VARCHAR", "account_id"), _column("CustomerID", "BIGINT", "customer_id"),
        _column("Balance", "DOUBLE", "balance"), _column("AccountType", "VARCHAR", "account_type"),
    )),
    OldTable(STAGING, "stg_customers__cleaned", "stg_customer", (
        _column("customer_id", "BIGINT", "customer_id"), *_OWNER,
    )),
    OldTable(STAGING, "stg_accounts__cleaned", "stg_account", (
        *_ACCOUNT, _BALANCE, _column("account_type", "VARCHAR", "account_type", _CAPITAL),
    )),
    OldTable("main_intermediate", "int_accounts__with_customer", "int_account_with_customer", (
        *_ACCOUNT, _BALANCE, _column("account_type", "VARCHAR", "account_type", _CAPITAL), *_OWNER,
    )),
    OldTable("main_intermediate", "int_savings_accounts_only", "int_savings_account_only", (
        *_ACCOUNT, _BALANCE, *_OWNER,
    )),
    OldTable(MARTS, "account_summary", "account_summary", (
        _ACCOUNT[1], _ACCOUNT[0], _column("original_balance", "DECIMAL(10,2)", "original_balance_amount"),
        _column("interest_rate", "DECIMAL(5,3)", "interest_rate_pct"),
        _column("annual_interest", "DECIMAL(15,2)", "annual_interest_amount"),
        _column("new_balance", "DECIMAL(16,2)", "new_balance_amount"),
    )),
)  # fmt: skip
_HERE = "database_name = current_database()"
_DBT_SCHEMAS = ("main_source", STAGING, "main_intermediate", MARTS)


def old_tables(old: OldDatabase, pipeline: Pipeline) -> tuple[OldTable, ...]:
    """Return the old tables that have one of ours in their place.

    Those of three layers are known, the intermediate ones too, which were never stored. Those of five layers by dbt
    have our names; their types are read.
    """
    if old.kind == "three layers":
        return THREE_LAYERS
    found = []
    for model in (m for m in pipeline if m.is_stored):
        for schema in _DBT_SCHEMAS:
            if relation := old.relation(schema, model.name):
                ours = {c.name for c in model.contract.columns}
                columns = tuple(_same(name, type_) for name, type_ in relation.columns.items() if name in ours)
                if columns:
                    found.append(OldTable(schema, model.name, model.name, columns))
    return tuple(found)


def _same(name: str, type_: str) -> OldColumn:
    # Ours are UTC, without zone.
    return _column(name, type_, name, "timezone('UTC', {})" if type_ == "TIMESTAMP WITH TIME ZONE" else "{}")


class Aliases(Contract):
    """One row per view that bears an old name."""

    schema_name: Text = key("Its schema.")
    view_name: Text = key("Its name.")
    schema_is_new: Flag = column("Whether the schema was made for it.")


def view(table: OldTable, layer: str) -> str:
    """Return the query that gives our rows under the old names and types; what does not fit a type is null there."""
    columns = (f"TRY_CAST({c.value} AS {c.type}) AS {quoted(c.name)}" for c in table.columns)
    return f"SELECT {', '.join(columns)} FROM {quoted(layer, table.model)}"


def apply(migration: Migration) -> str:
    """Make the views; say how many, and which values do not fit the old types. Raises MigrationError."""
    tables = old_tables(migration.source, migration.pipeline)
    lost: list[str] = []
    with opened(migration.settings) as store, store.transaction():
        run = store.con.con.execute
        ensure(store, TABLE, Aliases)
        known = {(row["schema_name"], row["view_name"]) for row in store.rows(store.table(LAYER, TABLE))}
        schemas = {row[0] for row in run(f"SELECT schema_name FROM duckdb_schemas() WHERE {_HERE}").fetchall()}
        made: set[str] = set()
        for table in tables:
            layer = migration.pipeline[table.model].layer
            if (table.schema, table.name) not in known:
                _refuse_what_is_there(migration.settings, run, table)
                is_new = table.schema not in schemas or table.schema in made
                made |= {table.schema} if is_new else set()
                run(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
                store.append(LAYER, TABLE, [(table.schema, table.name, is_new)])
            run(f"CREATE OR REPLACE VIEW {quoted(table.schema, table.name)} AS {view(table, layer)}")
            lost += _lost(run, table, layer)
    return f"{len(tables)} views" + "".join(f"; {line}" for line in lost)


def _refuse_what_is_there(settings: Settings, run: Any, table: OldTable) -> None:
    columns = f"FROM duckdb_columns() WHERE {_HERE} AND schema_name = ? AND table_name = ?"
    if run(columns, [table.schema, table.name]).fetchall():
        raise MigrationError(
            f"{settings.place}: {table} already exists and was not created by lc-ibis. Rename it, or migrate into "
            "another --database."
        )


def _lost(run: Any, table: OldTable, layer: str) -> list[str]:
    """Say of each column how many of our values its old type cannot hold."""
    # Received text may be anything: that it is no number is staging's to say.
    typed = [c for c in table.columns if c.type != "VARCHAR" and table.schema != "raw"]
    if not typed:
        return []
    counts = (f"count(*) FILTER ({c.value} IS NOT NULL AND TRY_CAST({c.value} AS {c.type}) IS NULL)" for c in typed)
    [found] = run(f"SELECT {', '.join(counts)} FROM {quoted(layer, table.model)}").fetchall()
    return [
        f"{count:,} values do not fit {table}.{c.name} {c.type}, and are null there"
        for c, count in zip(typed, found, strict=True)
        if count
    ]


def aliases(settings: Settings) -> list[tuple[str, str]]:
    """Return schema and name of the views that bear old names."""
    with opened(settings, read_only=True) as store:
        if (LAYER, TABLE) not in store.tables():
            return []
        return [(r["schema_name"], r["view_name"]) for r in store.rows(store.table(LAYER, TABLE))]


def problems(migration: Migration) -> list[str]:
    """Read every view to its end; say which cannot be read."""
    found = []
    names = aliases(migration.settings)
    with opened(migration.settings, read_only=True) as store:
        for schema, name in names:
            try:
                store.con.con.execute(f"SELECT count(COLUMNS(*)) FROM {quoted(schema, name)}").fetchall()
            except Exception as error:
                found.append(f"{schema}.{name}: the view cannot be read ({str(error).splitlines()[0]})")
    return found


def drop(settings: Settings) -> list[str]:
    """Remove the views that bear old names, and the schemas that were made for them; return the views' names."""
    names = aliases(settings)
    if names:
        with opened(settings) as store, store.transaction():
            run = store.con.con.execute
            rows = store.rows(store.table(LAYER, TABLE))
            for row in rows:
                run(f"DROP VIEW IF EXISTS {quoted(row['schema_name'], row['view_name'])}")
            for schema in {row["schema_name"] for row in rows if row["schema_is_new"]}:
                if not run(f"FROM duckdb_columns() WHERE {_HERE} AND schema_name = ?", [schema]).fetchall():
                    run(f"DROP SCHEMA {quoted(schema)}")
            store.overwrite(LAYER, TABLE, [])
    return [f"{schema}.{name}" for schema, name in names]
