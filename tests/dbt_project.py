"""Five-layer databases made by dbt itself, for what only dbt can tell: which histories it really writes.

A dbt of its own is wanted, since it and we need not agree on versions: name its executable by LC_IBIS_TEST_DBT. It is
made by `pip install "dbt-core<1.12" "dbt-duckdb<2" "duckdb<2"`; from 1.12 on, dbt-core downloads a parser as it is
installed. A load takes dbt 4 to 8 s.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from tests.old_databases import _RATE as RATE

Row = Sequence[Any]
HardDeletes = Literal["ignore", "invalidate", "new_record"]

_SOURCES = {
    "src_customer": ("customers_raw", {"customer_id": "CustomerID", "name": "Name", "has_loan": "HasLoan"}),
    "src_account": ("accounts_raw", {"account_id": "AccountID", "customer_id": "CustomerID", "balance": "Balance", "account_type": "AccountType"}),
}  # fmt: skip
_LAYERS = ("source", "staging", "intermediate", "marts")
_TYPES = {"customer_id": "INTEGER", "account_id": "VARCHAR", "balance_amount": "DECIMAL(18, 2)"}
_SNAPSHOTS: dict[str, dict[str, Any]] = {
    "snap_customer": {"strategy": "timestamp", "updated_at": "loaded_at", "unique_key": "customer_id"},
    "snap_account": {
        "strategy": "check",
        "check_cols": ["customer_id", "balance_amount", "account_type"],
        "unique_key": "account_id",
    },
}
_STAGED = {
    "customer": """SELECT CAST(customer_id AS {customer_id}) AS customer_id, {name} AS customer_name,
    {has_loan} AS has_loan_flag, loaded_at{added} FROM {source}""",
    "account": """SELECT CAST({key} AS {account_id}) AS account_id, CAST(customer_id AS {customer_id}) AS customer_id,
    CAST(balance AS {balance_amount}) AS balance_amount, {kind} AS account_type, loaded_at{added} FROM {source}""",
}
_AS_RECEIVED = {"name": "name", "has_loan": "has_loan = 'Yes'", "key": "account_id", "kind": "account_type"}
_CLEANED = {
    "name": "lower(trim(name))", "has_loan": "lower(trim(coalesce(has_loan, ''))) = 'yes'", "key": "trim(account_id)",
    "kind": "lower(trim(account_type))",
}  # fmt: skip
_ACCEPTED = {
    "customer": "TRY_CAST(customer_id AS INTEGER) IS NOT NULL AND trim(coalesce(name, '')) <> ''",
    "account": "TRY_CAST(balance AS DOUBLE) >= 0 AND lower(trim(account_type)) IN ('savings', 'checking')\n"
    "    AND trim(coalesce(account_id, '')) <> ''",
}
_JOINED = """SELECT a.account_id, a.customer_id, balance_amount, account_type, customer_name, has_loan_flag,
    a.{valid_from} AS valid_from_at, a.{valid_to} AS valid_to_at
FROM {{{{ ref('snap_account') }}}} AS a JOIN {{{{ ref('snap_customer') }}}} AS c USING (customer_id)
WHERE {account} AND {customer}"""
_SAVINGS = "SELECT * EXCLUDE (account_type) FROM {{ ref('int_account_with_customer') }} WHERE account_type = 'savings'"
_SUMMARY = f"""SELECT account_id, customer_id, balance_amount AS original_balance_amount, rate AS interest_rate_pct,
    CAST(round(balance_amount * rate, 2) AS DECIMAL(18, 2)) AS annual_interest_amount,
    CAST(balance_amount + round(balance_amount * rate, 2) AS DECIMAL(18, 2)) AS new_balance_amount, now() AS calculated_at
FROM (SELECT *, {RATE.format(balance="balance_amount", has_loan="has_loan_flag")} AS rate
    FROM {{{{ ref('int_savings_account_only') }}}})"""
_PROFILE = """SELECT customer_id, customer_name, has_loan_flag, count(*) AS total_accounts_count,
    CAST(sum(original_balance_amount) AS DECIMAL(18, 2)) AS total_balance_amount,
    CAST(sum(annual_interest_amount) AS DECIMAL(18, 2)) AS total_annual_interest_amount, now() AS calculated_at
FROM {{ ref('int_savings_account_only') }} JOIN {{ ref('account_summary') }} USING (account_id, customer_id) GROUP BY ALL"""
_MARTS = {"account_summary": ("account_id", _SUMMARY), "customer_profile": ("customer_id", _PROFILE)}
# dbt's own macro is `now()::timestamp`, the local time of the session.
_CLOCK = """{% macro duckdb__snapshot_get_time() %}
  {%- if env_var('LC_IBIS_TEST_CLOCK', '') -%} '{{ env_var('LC_IBIS_TEST_CLOCK') }}'::timestamp
  {%- else -%} {{ current_timestamp() }}::timestamp {%- endif -%}
{% endmacro %}"""


def find_dbt() -> Path | None:
    """Return the executable of a dbt, or this Python if it has dbt as a module; None if there is no dbt."""
    if named := os.environ.get("LC_IBIS_TEST_DBT") or shutil.which("dbt"):
        return Path(named)
    with suppress(ModuleNotFoundError):
        return Path(sys.executable) if importlib.util.find_spec("dbt.cli.main") else None
    return None


@dataclass
class DbtProject:
    """A project of five layers, with a database of its own. What is set on it holds from the next load on."""

    directory: Path
    _: KW_ONLY
    hard_deletes: HardDeletes | None = "ignore"
    """What becomes of keys that are gone; None leaves it unsaid, which dbt takes for ignore."""
    dbt_valid_to_current: str | None = None
    """The end of open versions, as SQL."""
    snapshot_meta_column_names: Mapping[str, str] = field(default_factory=dict)
    target_schema: str | None = "snapshots"
    target_database: str | None = None
    """The name of another database file beside ours that shall hold the histories."""
    snapshot: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What else to configure, by snapshot, in dbt's words; None takes a word away."""
    in_yaml: bool = True
    """Whether snapshots are declared in YAML, or as blocks of Jinja, which is the old way."""
    raw_history: bool = False
    """Whether histories are of what was received, neither cleaned nor refused."""
    raw_tables: bool = False
    """Whether rows arrive in the raw schema, and the source layer is made from it."""
    incremental_marts: bool = False
    """Whether marts keep the rows of keys that are gone."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types that staging casts to, by column: customer_id, account_id, balance_amount, loaded_at."""
    added: Mapping[str, str] = field(default_factory=dict)
    """More columns, as SQL with their names, by customer and account."""
    timezone: str = "UTC"

    @property
    def database(self) -> Path:
        return self.directory / "lending.duckdb"

    @property
    def manifest(self) -> Path:
        return self.directory / "target" / "manifest.json"

    def load(
        self,
        customers: Iterable[Row],
        accounts: Iterable[Row],
        at: datetime,
        *,
        clock: datetime | None = None,
        commands: Iterable[str] = ("build",),
    ) -> None:
        """Receive rows and let dbt build. Raises RuntimeError, with what dbt says, where it fails.

        A row may end with its own loaded_at; `at` is that of the others. With a clock, dbt's macro for the time of a
        snapshot is replaced by one that tells this time: otherwise it tells the true one.
        """
        self._write()
        if clock:
            self._put("macros/clock.sql", _CLOCK)
        self._receive(customers, accounts, at)
        for command in commands:
            self.dbt(*command.split(), clock=clock)

    def dbt(self, *arguments: str, clock: datetime | None = None) -> str:
        """Run a command of dbt on the project and return what it printed."""
        if not (found := find_dbt()):
            raise RuntimeError("there is no dbt: name its executable by LC_IBIS_TEST_DBT")
        module = ["-c", "from dbt.cli.main import cli; cli()"] if found == Path(sys.executable) else []
        here = ["--project-dir", str(self.directory), "--profiles-dir", str(self.directory)]
        said = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false", "TZ": self.timezone}
        ended = subprocess.run(
            [str(found), *module, *arguments, *here], cwd=self.directory, check=False, text=True,
            env=os.environ | said | {"LC_IBIS_TEST_CLOCK": str(clock or "")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if ended.returncode:
            raise RuntimeError(f"dbt {' '.join(arguments)} failed:\n{ended.stdout}")
        return ended.stdout

    def node(self, name: str) -> dict[str, Any]:
        """Return what the manifest says of a model or snapshot."""
        nodes = json.loads(self.manifest.read_text(encoding="utf-8"))["nodes"]
        return next(node for node in nodes.values() if node["name"] == name)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return all rows of a model or snapshot."""
        with closing(self._connect()) as con:
            # Not by fetchall, which wants pytz for times with a zone.
            found = con.sql(f"FROM {self.node(name)['relation_name']}").to_arrow_table()
        return [dict(row) for row in found.to_pylist()]

    def columns(self, name: str) -> dict[str, str]:
        """Return the types of a model's or snapshot's columns, in DuckDB's words."""
        with closing(self._connect()) as con:
            described = con.execute(f"DESCRIBE {self.node(name)['relation_name']}").fetchall()
        return {column: type_ for column, type_, *_ in described}

    def snapshot_config(self, name: str) -> dict[str, Any]:
        """Return what dbt is told of a snapshot."""
        common: dict[str, Any] = {
            "hard_deletes": self.hard_deletes,
            "dbt_valid_to_current": self.dbt_valid_to_current,
            "snapshot_meta_column_names": dict(self.snapshot_meta_column_names),
            "target_schema": self.target_schema,
            "target_database": self.target_database,
        }
        config = common | _SNAPSHOTS[name] | dict(self.snapshot.get(name, {}))
        return {word: value for word, value in config.items() if value not in (None, {})}

    def _connect(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(str(self.database))
        if self.target_database:
            con.execute(f"ATTACH '{self.directory / self.target_database}.duckdb' AS {self.target_database}")
        return con

    def _receive(self, customers: Iterable[Row], accounts: Iterable[Row], at: datetime) -> None:
        loaded_at = self.types.get("loaded_at", "TIMESTAMP")
        with closing(self._connect()) as con:
            con.execute(f"SET TimeZone = '{self.timezone}'")
            for (name, (raw, columns)), rows in zip(_SOURCES.items(), (customers, accounts), strict=True):
                schema, table = ("raw", raw) if self.raw_tables else ("main_source", name)
                received = [*(columns.values() if self.raw_tables else columns), "loaded_at"]
                types = ", ".join(f"{column} VARCHAR" for column in received[:-1])
                con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                con.execute(f"CREATE OR REPLACE TABLE {schema}.{table} ({types}, loaded_at {loaded_at})")
                if filled := [(*row, at)[: len(received)] for row in rows]:
                    con.executemany(f"INSERT INTO {schema}.{table} VALUES ({', '.join('?' * len(received))})", filled)

    def _write(self) -> None:
        attached = [{"path": str(self.directory / f"{name}.duckdb")} for name in [self.target_database] if name]
        output = {"type": "duckdb", "path": str(self.database), "threads": 1, "attach": attached}
        layers = {layer: {"+schema": layer, "+materialized": "table"} for layer in _LAYERS}
        schema = "raw" if self.raw_tables else "main_source"
        tables = [{"name": raw if self.raw_tables else name} for name, (raw, _) in _SOURCES.items()]
        project = {"name": "lending", "profile": "lending", "version": "1.0.0", "models": {"lending": layers}}
        # YAML is written as JSON, which it holds.
        for name, content in {
            "profiles.yml": {"lending": {"target": "dev", "outputs": {"dev": output}}},
            "dbt_project.yml": project,
            "models/sources.yml": {"version": 2, "sources": [{"name": schema, "schema": schema, "tables": tables}]},
        }.items():
            self._put(name, json.dumps(content, indent=2))
        for name, sql in self._models().items():
            self._put(f"models/{name}.sql", sql)
        self._write_snapshots()

    def _write_snapshots(self) -> None:
        shutil.rmtree(self.directory / "snapshots", ignore_errors=True)
        if self.in_yaml and not self.raw_history:
            declared = [
                {"name": snap, "relation": f"ref('stg_{snap[5:]}')", "config": self.snapshot_config(snap)}
                for snap in _SNAPSHOTS
            ]
            self._put("snapshots/snapshots.yml", json.dumps({"version": 2, "snapshots": declared}, indent=2))
            return
        for snap in _SNAPSHOTS:
            config = ", ".join(f"{word}={value!r}" for word, value in self.snapshot_config(snap).items())
            query = f"SELECT * FROM {{{{ ref('stg_{snap[5:]}') }}}}"
            if self.raw_history:
                query = self._staged(snap[5:], _AS_RECEIVED)
            block = f"{{% snapshot {snap} %}}\n{{{{ config({config}) }}}}\n{query}\n{{% endsnapshot %}}"
            self._put(f"snapshots/{snap}.sql", block)

    def _models(self) -> dict[str, str]:
        models = {}
        for name, (raw, columns) in _SOURCES.items():
            entity = name.removeprefix("src_")
            if self.raw_tables:
                renamed = ", ".join(f"{theirs} AS {ours}" for ours, theirs in columns.items())
                models[f"source/{name}"] = f"SELECT {renamed}, loaded_at FROM {{{{ source('raw', '{raw}') }}}}"
            accepted = f"({_ACCEPTED[entity]})"
            models[f"staging/stg_{entity}"] = f"{self._staged(entity, _CLEANED)} WHERE {accepted}"
            models[f"staging/quarantine_stg_{entity}"] = (
                f"SELECT *, 'invalid' AS failure_reason FROM {self._source(entity)} WHERE {accepted} IS NOT TRUE"
            )
        models["intermediate/int_account_with_customer"] = _JOINED.format(
            valid_from=self._name("snap_account", "dbt_valid_from"), valid_to=self._name("snap_account", "dbt_valid_to"),
            account=self._open("snap_account", "a"), customer=self._open("snap_customer", "c"),
        )  # fmt: skip
        models["intermediate/int_savings_account_only"] = _SAVINGS
        for name, (key, sql) in _MARTS.items():
            kept = f"{{{{ config(materialized='incremental', unique_key='{key}') }}}}\n"
            models[f"marts/{name}"] = kept + sql if self.incremental_marts else sql
        return models

    def _name(self, snap: str, column: str) -> str:
        return str(self.snapshot_config(snap).get("snapshot_meta_column_names", {}).get(column, column))

    def _open(self, snap: str, alias: str) -> str:
        """Return the condition under which a version is open, as a careful reader of dbt's histories has it."""
        config = self.snapshot_config(snap)
        valid_to, end = f"{alias}.{self._name(snap, 'dbt_valid_to')}", config.get("dbt_valid_to_current")
        still_open = f"({valid_to} IS NULL OR {valid_to} = {end})" if end else f"{valid_to} IS NULL"
        if config.get("hard_deletes") == "new_record":
            return f"{still_open} AND {alias}.{self._name(snap, 'dbt_is_deleted')} = 'False'"
        return still_open

    def _source(self, entity: str) -> str:
        name = f"'src_{entity}'"
        return f"{{{{ ref({name}) }}}}" if self.raw_tables else f"{{{{ source('main_source', {name}) }}}}"

    def _staged(self, entity: str, cleaning: Mapping[str, str]) -> str:
        types = _TYPES | {name: type_ for name, type_ in self.types.items() if name in _TYPES}
        added = f", {self.added[entity]}" if entity in self.added else ""
        return _STAGED[entity].format(**types, **cleaning, added=added, source=self._source(entity))

    def _put(self, name: str, content: str) -> None:
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
