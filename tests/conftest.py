"""A lending company in a temporary directory, and how hard the property tests try."""

from __future__ import annotations

import csv
import importlib.util
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import lc_ibis
from lc_ibis.backends import duckdb
from lc_ibis.engine import refresh
from lc_ibis.engine.run import Run

_COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("short", max_examples=15, derandomize=True, **_COMMON)
settings.register_profile("long", max_examples=2000, **_COMMON)
settings.load_profile("short")

CUSTOMER = ("CustomerID", "Name", "HasLoan")
ACCOUNT = ("AccountID", "CustomerID", "Balance", "AccountType")
Row = Sequence[str | None]

ALICE = ("1", "Alice", "Yes")
SAVINGS = ("A1", "1", "5000.00", "Savings")


class Lending:
    """A place with extracts, a database, outputs and reports."""

    def __init__(self, root: Path, backend: str = "duckdb"):
        self.root, self.backend = root, backend
        self.inputs, self.outputs, self.reports = root / "inputs", root / "outputs", root / "reports"
        self.database = root / "lc.duckdb"
        self.inputs.mkdir(parents=True, exist_ok=True)

    def deliver(self, customers: Iterable[Row] | None = None, accounts: Iterable[Row] | None = None) -> None:
        """Put extracts in place; None leaves the one that is there."""
        if customers is not None:
            write_csv(self.inputs / "Customer.csv", CUSTOMER, customers)
        if accounts is not None:
            write_csv(self.inputs / "accounts.csv", ACCOUNT, accounts)

    def build(self, **options: Any) -> Run:
        return lc_ibis.build(**self.places(), **options)

    def load(
        self, customers: Iterable[Row] | None = None, accounts: Iterable[Row] | None = None, **options: Any
    ) -> Run:
        """Deliver and build; that keys go missing is taken for real."""
        self.deliver(customers, accounts)
        return self.build(**{"allow_mass_delete": True, **options})

    def places(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("backend", "database", "inputs", "outputs", "reports")}

    def rows(self, table: str, *columns: str, **options: Any) -> list[Any]:
        """Return a table's rows ordered by key: as dictionaries, or tuples of the named columns."""
        rows = lc_ibis.show(table, backend=self.backend, database=self.database, **options)
        if len(columns) == 1:
            return [row[columns[0]] for row in rows]
        return [tuple(row[c] for c in columns) for row in rows] if columns else rows

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of every stored table."""
        from lc_ibis.layers import pipeline

        with lc_ibis.connect(self.database, backend=self.backend) as warehouse:
            return {
                model.name: sorted(warehouse.store.rows(warehouse.table(model.name)), key=repr)
                for model in pipeline
                if model.is_stored
            }

    def files(self) -> dict[str, bytes]:
        """Return the bytes of the database and of every output file."""
        paths = [self.database, *self.outputs.glob("*")]
        return {path.name: path.read_bytes() for path in paths if path.exists()}


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@pytest.fixture(autouse=True)
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a few rows are computed by key too, wherever a build may, and compared by digests first."""
    monkeypatch.setattr(refresh, "MOST_KEYS", float("inf"))
    monkeypatch.setattr(duckdb, "_FEW_ROWS", 0)


def _why_no_spark() -> str:
    if not importlib.util.find_spec("pyspark"):
        return "pyspark is not installed: pip install 'lc-ibis[spark]'"
    return "" if shutil.which("java") else "Spark needs Java 17, and there is none"


# For pytest.mark.parametrize("backend", BACKENDS): a test, or a module of them, that holds on all.
BACKENDS = ["duckdb", pytest.param("spark", marks=pytest.mark.skipif(bool(_why_no_spark()), reason=_why_no_spark()))]


@pytest.fixture
def backend() -> str:
    """Where tables live, unless a test is parametrized with BACKENDS."""
    return __import__("os").environ.get("TB", "duckdb")


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local Spark for all tests, as quick as it can be on a few rows; builds take the active session."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
    }  # fmt: skip
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def lending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, request: pytest.FixtureRequest) -> Lending:
    """An empty place; the current directory has no lc-ibis.toml."""
    monkeypatch.chdir(tmp_path)
    if backend == "spark":
        request.getfixturevalue("spark")
    return Lending(tmp_path, backend)
