"""The backend databricks, against a stand-in for a SQL warehouse: what it sends is recorded, and run by Spark Connect."""

from __future__ import annotations

import logging
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, SettingsError
from tests import ROOT
from tests.conftest import ON_DELTA, Lending
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN

TOKEN = "dapi0123456789"
CREDENTIALS = {
    "DATABRICKS_HOST": "https://example.cloud",
    "DATABRICKS_TOKEN": TOKEN,
    "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/1",
}


class _Cursor:
    """Records statements; what only a workspace has, volumes, is a directory here."""

    def __init__(self, warehouse: _Warehouse):
        self.warehouse, self.rows = warehouse, pa.table({})

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None: ...

    def execute(self, sql: str) -> _Cursor:
        from pyspark.sql.connect.session import SparkSession

        self.warehouse.statements.append(sql)
        spark = SparkSession.getActiveSession()
        assert spark is not None
        if self.warehouse.is_down:
            raise RuntimeError(f"Invalid access token {TOKEN}")
        if put := re.fullmatch(r"PUT '(.+)' INTO '(.+)' OVERWRITE", sql):
            shutil.copy(put[1], self.warehouse.volume / Path(put[2]).name)
        elif "current_catalog" in sql.lower():
            self.rows = pa.table({"c": ["sail"]})
        elif not re.match("CREATE VOLUME|REMOVE", sql):
            here = re.sub(r"`parquet`\.`/Volumes/[^`]*/", f"parquet.`{self.warehouse.volume}/", sql)
            if here.startswith("DESCRIBE "):
                fields = spark.sql(here.removeprefix("DESCRIBE ")).schema.fields
                names, types = [f.name for f in fields], [f.dataType.simpleString() for f in fields]
                self.rows = pa.table({"col_name": names, "data_type": types})
            else:
                self.rows = spark.sql(here).toArrow()
        return self

    def fetchall_arrow(self) -> pa.Table:
        return self.rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.rows.to_pylist()]


class _Warehouse:
    """Stands in for the connection of databricks.sql."""

    def __init__(self, volume: Path):
        self.statements: list[str] = []
        self.volume, self.is_down, self.options = volume, False, dict[str, Any]()

    def connect(self, **options: Any) -> _Warehouse:
        self.options = options
        return self

    def cursor(self) -> _Cursor:
        return _Cursor(self)

    def close(self) -> None: ...


@pytest.fixture
def warehouse(connect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Warehouse:
    pytest.importorskip("databricks.sql", reason="databricks-sql-connector is not installed: lc-ibis[databricks]")
    from databricks import sql

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    volume = tmp_path / "volume"
    volume.mkdir()
    made = _Warehouse(volume)
    monkeypatch.setattr(sql, "connect", made.connect)
    return made


@pytest.fixture
def on_databricks(lending: Lending, warehouse: _Warehouse) -> Lending:
    lending.options = {"backend": "databricks", "database": lending.database}
    return lending


pytestmark = pytest.mark.parametrize("backend", ON_DELTA)


def test_a_build_and_its_next_on_a_warehouse(
    on_databricks: Lending, warehouse: _Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    on_databricks.load([ANN, BEN], ACCOUNTS)
    on_databricks.load(accounts=ACCOUNTS[1:])
    assert {result.status for result in lc_ibis.verify(**on_databricks.options)} == {"identical"}
    assert on_databricks.rows("account_summary", "account_id") == [f"A{i}" for i in range(2, 9)]
    assert warehouse.options["access_token"] == TOKEN
    assert warehouse.options["session_configuration"] == {"ansi_mode": "true", "timezone": "UTC"}
    sent = [sql for sql in warehouse.statements if not re.match("PUT|CREATE VOLUME|REMOVE|SHOW", sql)]
    assert any(sql.startswith("MERGE INTO") for sql in sent)
    for sql in sent:
        assert not isinstance(sqlglot.parse_one(sql, dialect="databricks"), sqlglot.exp.Command), sql
    assert TOKEN not in "".join(warehouse.statements)

    guide = (ROOT / "docs/databricks.md").read_text(encoding="utf-8")
    [words] = re.findall(r"^    lc-ibis (show .*)$", guide, re.MULTILINE)
    with caplog.at_level(logging.DEBUG, logger="lc_ibis"):  # as --debug has it
        shown = CliRunner().invoke(main, shlex.split(words.replace("main.lc_ibis", str(on_databricks.database))))
    assert shown.exit_code == 0
    assert "A2" in shown.stdout
    assert re.search(r"the plan of the slowest, which took [\d.]+ s:\n.*(Plan|Exec)", caplog.text, re.DOTALL)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_missing_credential_is_named(on_databricks: Lending, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    on_databricks.deliver([ANN], ACCOUNTS)
    with pytest.raises(SettingsError, match=f"^backend: databricks needs the environment variables {name}.$"):
        on_databricks.build()


def test_the_token_is_in_no_error_log_or_report(
    on_databricks: Lending, warehouse: _Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    on_databricks.deliver([ANN, BEN], ACCOUNTS)
    warehouse.is_down = True
    with pytest.raises(DatabaseError, match=r"no connection \(Invalid access token \*\*\*\)"):
        on_databricks.build()
    places = [word for name, place in on_databricks.places().items() for word in (f"--{name}", str(place))]
    ended = CliRunner().invoke(main, ["build", *places])
    assert ended.exit_code == 1
    warehouse.is_down = False
    on_databricks.build()
    reports = "".join(path.read_text() for path in on_databricks.reports.glob("*"))
    assert TOKEN not in ended.output + caplog.text + reports


def test_catalog_and_schema_come_from_the_environment(
    on_databricks: Lending, warehouse: _Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lc_ibis.backends.spark.databricks import Warehouse

    assert Warehouse.place() == "lc_ibis"
    monkeypatch.setenv("DATABRICKS_CATALOG", "main")
    monkeypatch.setenv("DATABRICKS_SCHEMA", "lending")
    assert Warehouse.place() == "main.lending"


def test_a_statement_without_a_plan_hides_no_other_s_plan(
    on_databricks: Lending, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever takes longest: which one does is the machine's affair."""
    from lc_ibis.backends.statements import Statements

    def plan(sql: str) -> str:
        if sql != "SELECT 1":
            raise RuntimeError("EXPLAIN knows no SHOW")
        return "a plan"

    with caplog.at_level(logging.DEBUG, logger="lc_ibis"):
        statements = Statements(plan)
        statements._ran("SELECT 1", 0.1)
        statements._ran("SHOW SCHEMAS", 9.0)
        statements.summary()
    assert "the plan of the slowest, which took 0.100 s:\na plan" in caplog.text
