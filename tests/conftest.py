"""A lending company in a temporary directory, and how hard the property tests try."""

from __future__ import annotations

import csv
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings

import lc_ibis
from lc_ibis.backends.duckdb import tables
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.refresh import refresher
from lc_ibis.engine.state.run import Run
from lc_ibis.layers import columns
from tests.patience import HANGING, PatientBrowser

_COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("short", max_examples=6, derandomize=True, **_COMMON)
settings.register_profile("long", max_examples=2000, **_COMMON)
settings.load_profile("short")

CUSTOMER = ("CustomerID", "Name", "HasLoan")
ACCOUNT = ("AccountID", "CustomerID", "Balance", "AccountType")
Row = Sequence[str | None]

ALICE = ("1", "Alice", "Yes")
SAVINGS = ("A1", "1", "5000.00", "Savings")


class Lending:
    """A place with extracts, a database, outputs and reports."""

    def __init__(self, root: Path, backend: str = "duckdb", remote: str | None = None):
        self.root, self.backend, self.remote = root, backend, remote
        self.inputs, self.outputs, self.reports = root / "inputs", root / "outputs", root / "reports"
        local = root / ("lc.duckdb" if backend == "duckdb" else "[l] {c}*%20")  # Spark takes some paths for patterns
        self.database = Path(f"test_{uuid4().hex}") if remote else local
        self.options = {"backend": backend, "database": self.database} | ({"remote": remote} if remote else {})
        self.inputs.mkdir(parents=True, exist_ok=True)

    def another(self, root: Path) -> Lending:
        """Return an empty place on the same backend."""
        return Lending(root, self.backend, self.remote)

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
        places = {name: getattr(self, name) for name in ("database", "inputs", "outputs", "reports")}
        return {**self.options, **places}

    def rows(self, table: str, *columns: str, **options: Any) -> list[Any]:
        """Return a table's rows ordered by key: as dictionaries, or tuples of the named columns."""
        rows = lc_ibis.show(table, **{**self.options, "database": self.database}, **options)
        if len(columns) == 1:
            return [row[columns[0]] for row in rows]
        return [tuple(row[c] for c in columns) for row in rows] if columns else rows

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of every stored table."""
        from lc_ibis.layers import pipeline

        with lc_ibis.connect(**{**self.options, "database": self.database}) as warehouse:
            return {
                model.name: sorted(warehouse.store.rows(warehouse.table(model.name)), key=repr)
                for model in pipeline
                if model.is_stored
            }

    def files(self) -> dict[str, bytes]:
        """Return the bytes of the database, or of the file that names its files, and of every output file."""
        paths = [self.database, self.database / "tables.json", *self.outputs.glob("*")]
        return {path.name: path.read_bytes() for path in paths if path.is_file()}


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@pytest.fixture
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of a few rows are computed by key too, wherever a build may, and compared by digests first."""
    monkeypatch.setattr(refresher, "MOST_KEYS", float("inf"))
    monkeypatch.setattr(tables, "_FEW_ROWS", 0)


@pytest.fixture
def many_rows_may_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extracts of a few rows are about refused ones more often than not."""
    monkeypatch.setenv("LC_IBIS_MAX_REFUSED_SHARE", "1")


@pytest.fixture
def loads_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extracts of a few rows often go back to what they were."""
    monkeypatch.setenv("LC_IBIS_ALLOW_REPLAY", "true")


@pytest.fixture
def of_few_rows(as_if_large: None, many_rows_may_be_refused: None, loads_may_come_again: None) -> None:
    """What a place with a few rows needs: no guard that is about shares or earlier loads, and keys wherever possible."""


def change_rules(patch: pytest.MonkeyPatch, **constants: Any) -> None:
    """Give constants of layers/columns.py other values, and the pipeline the SQL that it then has."""
    from lc_ibis.layers import pipeline

    for name, value in constants.items():
        patch.setattr(columns, name, value)
    patch.setattr("lc_ibis.layers.pipeline", Pipeline(pipeline, pipeline.outputs))


@pytest.fixture
def any_amount() -> Iterator[None]:
    """Staging takes amounts that no mart can hold, so that a check of theirs fails."""
    with pytest.MonkeyPatch.context() as patch:
        change_rules(patch, LARGEST_AMOUNT=Decimal("9999999999999999.99"))
        yield


@pytest.fixture(autouse=True)
def who_is_told_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build waits for whom it tells as long as for anything else."""
    monkeypatch.setattr("lc_ibis.reporting.notify.SECONDS", HANGING)
    if not _missing("openlineage"):
        monkeypatch.setattr("lc_ibis.reporting.openlineage.SECONDS", HANGING)


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled SQL apart from the user's: in one directory for all processes of the tests."""
    os.environ.setdefault("XDG_CACHE_HOME", tempfile.mkdtemp(prefix="lc-ibis-tests-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and "lc-ibis-tests-" in os.environ.get("XDG_CACHE_HOME", ""):
        shutil.rmtree(os.environ.pop("XDG_CACHE_HOME"), ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="Run what is left out for its length: more of it on Spark.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="only with --long"))
        if _is_on_spark(item):
            # One process of those that share the work, so that there is one session.
            item.add_marker(pytest.mark.xdist_group("spark"))


def _is_on_spark(item: pytest.Item) -> bool:
    backend = item.callspec.params.get("backend") if hasattr(item, "callspec") else None
    needs = {"spark", "connect_server"} & set(getattr(item, "fixturenames", ()))
    of_spark = item.path.stem in ("test_spark", "test_delta", "test_databricks")
    return bool(needs) or of_spark or backend in ("spark", "delta")


def _missing(*packages: str) -> str:
    absent = [name for name in packages if not importlib.util.find_spec(name)]
    return f"{', '.join(absent)} is not installed: pip install 'lc-ibis[test]'" if absent else ""


_NO_SPARK = _missing("pyspark") or ("" if shutil.which("java") else "Spark needs Java 17, and there is none")
_NO_DELTA = _missing("pyspark", "pysail", "grpc")
_SPARK = pytest.mark.skipif(bool(_NO_SPARK), reason=_NO_SPARK)
_DELTA = pytest.mark.skipif(bool(_NO_DELTA), reason=_NO_DELTA)
# For pytest.mark.parametrize("backend", …): tests that hold on all backends; those of which Spark's own engine, the
# slowest by far on a few rows, has its turn with --long; and those of which both Sparks have.
_MARKS = {"delta": _DELTA, "spark": _SPARK}
EVERYWHERE = ["duckdb", *(pytest.param(name, marks=mark) for name, mark in _MARKS.items())]
WIDELY = [*EVERYWHERE[:2], pytest.param("spark", marks=[_SPARK, pytest.mark.long])]
LONG = ["duckdb", *(pytest.param(name, marks=[mark, pytest.mark.long]) for name, mark in _MARKS.items())]
ON_DELTA = EVERYWHERE[1:2]
ON_SPARK = EVERYWHERE[2:]


@pytest.fixture
def backend() -> str:
    """Where tables live, unless a test is parametrized."""
    return "duckdb"


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local Spark for all tests, as quick as it can be on a few rows; builds take the active session."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false", "spark.sql.broadcastTimeout": str(HANGING),
        # Spark makes it the environment's SPARK_AUTH_SOCKET_TIMEOUT.
        "spark.python.authenticate.socketTimeout": f"{HANGING}s",
    }  # fmt: skip
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def delta_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Spark Connect server with Delta Lake, on loopback, for all tests."""
    if not _NO_SPARK:
        # Java is started by a fork, which the server's client does not always survive: so before it.
        request.getfixturevalue("spark")
    from tests.connect_server import ConnectServer

    server = ConnectServer(tmp_path_factory.mktemp("server"))
    yield server
    server.session().stop()
    server.stop()


@pytest.fixture
def connect_server(delta_server: Any) -> str:
    """The address of that server, whose session is active, and lives."""
    delta_server.session()
    return str(delta_server.address)


class Engine:
    """Where Ibis expressions are run that no pipeline has to do with."""

    def __init__(self, backend: str, remote: str | None):
        self.session: Any = None
        if backend != "duckdb":
            from lc_ibis.backends.spark.session import Session

            self.session = Session(remote)

    def load(self, rows: pa.Table) -> ir.Table:
        """Return rows as a table of the engine."""
        table = ibis.memtable(rows)
        if self.session is None:
            return table
        zoned = [
            pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(field.type) else field.type for field in rows.schema
        ]
        return self.session.load(rows.cast(pa.schema(list(zip(rows.column_names, zoned, strict=True)))), table.schema())

    def rows(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows."""
        if self.session is None:
            return ibis.duckdb.connect().to_pyarrow(query).to_pylist()
        from lc_ibis.backends.spark.tables import SparkTables

        return SparkTables(self.session).rows(query)


@pytest.fixture
def engine(backend: str, request: pytest.FixtureRequest) -> Engine:
    """The engine of a backend."""
    if backend == "spark":
        request.getfixturevalue("spark")
    return Engine(backend, request.getfixturevalue("connect_server") if backend == "delta" else None)


@pytest.fixture
def lending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, request: pytest.FixtureRequest, of_few_rows: None
) -> Lending:  # fmt: skip
    """An empty place, for a few rows; the current directory has no lc-ibis.toml."""
    remote = request.getfixturevalue("connect_server") if backend == "delta" else None
    if backend == "spark":
        request.getfixturevalue("spark")
    monkeypatch.chdir(tmp_path)
    return Lending(tmp_path, "duckdb" if backend == "duckdb" else "spark", remote)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Migrations that were applied once."""
    from tests.migrating import Templates

    return Templates(tmp_path_factory.mktemp("migrations"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=HANGING * 1000)
        yield PatientBrowser(browser)
        browser.close()
