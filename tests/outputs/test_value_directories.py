"""Directories by the values of columns, read by those for whom they are: the values are what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import lc_ibis
from lc_ibis.errors import OutputError
from lc_ibis.outputs.directories import by_value, looks_otherwise
from lc_ibis.outputs.manifest import manifest_of
from tests.conftest import ALICE, ON_SPARK, SAVINGS, Lending
from tests.every_type import table_of
from tests.things import Things

pytestmark = pytest.mark.usefixtures("as_if_large")

try:
    import polars as pl
except ModuleNotFoundError:
    pl = None

# Of a directory with the columns `part` and `row`, and the type of `part` or none: its values by `row`.
Reader = Callable[[Path, str | None], list[Any]]
_SQL = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}


def by_duckdb(place: Path, type_: str | None) -> list[Any]:
    told = f", hive_types = {{'part': {_SQL[type_]}}}" if type_ else ""
    files = f"read_parquet('{place}/**/*.parquet', hive_partitioning = true{told})"
    return [part for (part,) in duckdb.sql(f'SELECT part FROM {files} ORDER BY "row"').fetchall()]


def _partitioning(type_: str | None) -> Any:
    named = {"string": pa.string(), "int64": pa.int64(), "boolean": pa.bool_(), "date": pa.date32()}
    return ds.partitioning(pa.schema([("part", named[type_])]), flavor="hive") if type_ else "hive"


def by_pyarrow(place: Path, type_: str | None) -> list[Any]:
    return list(pq.read_table(place, partitioning=_partitioning(type_)).sort_by("row")["part"].to_pylist())


def by_pandas(place: Path, type_: str | None) -> list[Any]:
    parts = pd.read_parquet(place, partitioning=_partitioning(type_)).sort_values("row")["part"]
    return [None if pd.isna(part) else part for part in parts]


def by_polars(place: Path, type_: str | None) -> list[Any]:
    if pl is None:
        pytest.skip("polars is not installed: pip install 'lc-ibis[test]'")
    named = {"string": pl.String, "int64": pl.Int64, "boolean": pl.Boolean, "date": pl.Date}
    schema = {"part": named[type_]} if type_ else None
    return list(pl.read_parquet(place, hive_partitioning=True, hive_schema=schema).sort("row")["part"].to_list())


def by_spark(place: Path, type_: str | None) -> list[Any]:
    from pyspark.sql import SparkSession

    session = SparkSession.active()
    reader = (
        session.read.schema(f"row BIGINT, part {_SQL[type_].replace('VARCHAR', 'STRING')}") if type_ else session.read
    )
    return [row[0] for row in reader.parquet(str(place)).orderBy("row").select("part").collect()]


READERS = [by_duckdb, by_pyarrow, by_pandas, by_polars]


@pytest.fixture(params=[*READERS, *(pytest.param(by_spark, marks=param.marks) for param in ON_SPARK)])
def reader(request: pytest.FixtureRequest) -> Reader:
    if request.param is by_spark:
        request.getfixturevalue("spark")
    return request.param  # type: ignore[no-any-return]


def written(root: Path, values: list[Any], type_: pa.DataType) -> Path:
    """Return a directory by the values; each has its place among them as its row."""
    pq.write_table(pa.table({"part": pa.array(values, type_), "row": range(len(values))}), root / "rows.parquet")
    by_value(root / "rows.parquet", root / "parts", ["part"])
    return root / "parts"


TEXTS = [
    "A1",
    "2026Q1",
    "a/b=c %2F é",
    "..",
    "A+b",
    "日本",
    "%C3%A9",
    " a ",
    "x'\"\\",
    "1A",
    "2026-03",
    "n/a",
    "-",
    "[y]*?",
    "{x}",
    "a\nb",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_alone_is_read_as_it_is(reader: Reader, tmp_path: Path, text: str) -> None:
    assert reader(written(tmp_path, [text], pa.string()), None) == [text]


def test_texts_are_read_as_they_are(reader: Reader, tmp_path: Path) -> None:
    assert reader(written(tmp_path, TEXTS, pa.string()), None) == TEXTS


TYPED = [
    ("string", [*TEXTS, None]), ("int64", [1, -7, 2**53 + 1, None]), ("boolean", [True, False, None]),
    ("date", [date(2026, 3, 1), date(1, 1, 1), date(9999, 12, 31), None]),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "values"), TYPED)
def test_who_is_told_the_type_reads_what_was_written(
    reader: Reader, tmp_path: Path, type_: str, values: list[Any]
) -> None:
    arrow = {"string": pa.string(), "int64": pa.int64(), "boolean": pa.bool_(), "date": pa.date32()}[type_]
    if reader is by_pandas and type_ == "int64":
        values = values[:-1]  # with nulls its numbers are floats
    assert reader(written(tmp_path, values, arrow), type_) == values


GUESSES: list[tuple[list[Any], pa.DataType, dict[Reader, list[Any]]]] = [
    ([1, -7], pa.int64(), {}),
    ([1, 2**31], pa.int64(), {by_pyarrow: ["1", "2147483648"], by_pandas: ["1", "2147483648"]}),
    ([date(2026, 3, 1)], pa.date32(), {by_pyarrow: ["2026-03-01"], by_pandas: ["2026-03-01"]}),
    ([True], pa.bool_(), {one: ["true"] for one in (by_duckdb, by_pyarrow, by_pandas, by_spark)}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "type_", "guessed"), GUESSES)
def test_who_is_told_no_type_guesses_as_the_page_says(
    reader: Reader, tmp_path: Path, values: list[Any], type_: pa.DataType, guessed: dict[Reader, list[Any]]
) -> None:
    assert reader(written(tmp_path, values, type_), None) == guessed.get(reader, values)


MISREAD = [
    "1", "007", "08", "-5", "1.5", ".5", "1e5", "1d", "0x1p3", "0b11", "١٢", "2026-03-01", "2026/03/01", "01-03-2026",
    "2026-03-01 10:00:00", "20260301T101010Z", "12:30", "true", "FALSE", "NaN", "-Infinity", "epoch", "null", "",
    "__HIVE_DEFAULT_PARTITION__", "9" * 40,
]  # fmt: skip


@pytest.mark.parametrize("text", MISREAD)
def test_a_text_that_a_reader_takes_for_something_else_is_refused(tmp_path: Path, text: str) -> None:
    assert looks_otherwise(text)
    with pytest.raises(OutputError, match="part: the value .* cannot name a directory: readers would take it for"):
        written(tmp_path, ["A1", text], pa.string())
    assert not (tmp_path / "parts").exists()


def test_keys_that_look_like_numbers_are_refused(lending: Lending) -> None:
    lending.load([ALICE, ("007", "Bo", "No"), ("08", "Cy", "No")], [SAVINGS])
    with pytest.raises(OutputError, match="customer_id: the value '.*' cannot name a directory"):
        lc_ibis.export("src_customer", "d", partition_by=["customer_id"], **lending.options)
    assert not list(lending.root.glob("*d"))


@pytest.mark.parametrize(("type_", "value"), [("int64", 2**40), ("boolean", True), ("date", date(2026, 3, 1))])
def test_the_manifest_says_the_type_that_readers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_: str, value: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    things, model = Things(tmp_path, monkeypatch), table_of({type_: value})
    things.build(model)
    _, column = model.contract.schema().names
    place = lc_ibis.export("thing", "parts", partition_by=[column], database=things.options["database"])
    types = json.loads(manifest_of(place).read_text(encoding="utf-8"))["types"]
    assert types == {"thing_id": "int64", column: type_}
