"""Every type that a contract may have, in every form that leaves the house; docs/sharing.md says what each becomes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import lc_ibis
from lc_ibis import contracts
from lc_ibis.api import report as reports
from lc_ibis.errors import OutputError
from lc_ibis.files.documents import text_of, to_csv, to_json
from lc_ibis.reporting.junit import junit
from lc_ibis.reporting.page import page
from lc_ibis.site import artifacts
from tests import ROOT
from tests.conftest import ON_SPARK
from tests.every_type import NOT_IN_SPARK, VALUES, name_of, table_of
from tests.things import Things

pytestmark = pytest.mark.usefixtures("as_if_large")

DOCS = ROOT / "docs/sharing.md"
OPENPYXL_FORMS = {"n": "number", "b": "flag", "s": "text", "d": "number"}


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    monkeypatch.chdir(tmp_path)
    return Things(tmp_path, monkeypatch)


def built(things: Things, values: dict[str, Any] = VALUES, **options: Any) -> Callable[[str], Path]:
    """Build a table of the values, and return what exports it by its ending."""
    things.build(table_of(values), **options)
    database = {"database": things.options["database"], "backend": options.get("backend", "duckdb")}
    return lambda ending: lc_ibis.export("thing", things.root / f"every{ending}", **database)


def first_row(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))


def in_excel(path: Path) -> dict[str, tuple[Any, ...]]:
    """Return of each column, in the first row, what the cell is, what it holds, and how that is shown."""
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    head, row = sheet[1], sheet[2]
    return {
        str(name.value): (OPENPYXL_FORMS[cell.data_type], cell.value, cell.number_format)
        for name, cell in zip(head, row, strict=True)
    }


def cell_text(cell: tuple[Any, ...]) -> str:
    form, value, shown = cell
    return f"text `{value}`" if form == "text" else f"{form}, as `{shown}`" if shown != "General" else form


def types_in_duckdb(path: Path) -> dict[str, str]:
    with duckdb.connect(str(path), read_only=True) as con:
        return {name: type_ for name, type_, *_ in con.execute("DESCRIBE thing").fetchall()}


def test_the_table_of_types_says_what_is_written(things: Things) -> None:
    export = built(things)
    text, excel, database = first_row(export(".csv")), in_excel(export(".xlsx")), types_in_duckdb(export(".duckdb"))
    parquet = pq.read_schema(export(".parquet"))
    with pa.memory_map(str(export(".arrow"))) as mapped:
        assert pa.ipc.open_file(mapped).schema.equals(parquet)
    [row, _] = json.loads(to_json(lc_ibis.show("thing", database=things.options["database"])))
    [found] = yaml.safe_load(contracts.export("thing")["thing"])["schema"]
    words = {column["name"]: column.get("logicalType", "–") for column in found["properties"]}
    lines = [
        f"| `{type_}` | `{text[n]}` | `{parquet.field(n).type}` | {cell_text(excel[n])} | `{database[n]}` "
        f"| `{json.dumps(row[n])}` | {words[n]} |"
        for type_, n in ((type_, name_of(type_)) for type_ in VALUES)
    ]
    said = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head = next(number for number, line in enumerate(said) if line.startswith("| type | CSV |"))
    assert said[head + 2 : head + 2 + len(lines)] == lines


@pytest.mark.long
@pytest.mark.parametrize("backend", ON_SPARK)
def test_spark_writes_the_same(
    things: Things, spark: Any, backend: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = {type_: value for type_, value in VALUES.items() if type_ not in NOT_IN_SPARK}
    export = built(things, values)
    said = [export(".csv").read_bytes(), in_excel(export(".xlsx")), types_in_duckdb(export(".duckdb"))]
    things.options["database"] = things.root / "thing_id=7" / "s"
    again = built(things, values, backend="spark", full_refresh=True)
    assert [again(".csv").read_bytes(), in_excel(again(".xlsx")), types_in_duckdb(again(".duckdb"))] == said


def test_reports_hold_values_of_every_type(things: Things) -> None:
    built(things)
    report = reports.last(things.options["reports"])
    assert report is not None
    [failure] = report["failures"]
    [told, nulls] = sorted(failure["examples"], key=lambda row: row["thing_id"])
    assert [told[name_of(type_)] for type_ in VALUES] == [
        "=A2", 9007199254740993, "-1234.50", "1234567890123456789012345678.0000000001", 0.1, True, "2026-03-01",
        "2026-03-01T12:30:00.250000", "12:30:00.250000", r"a\x00\xFF", [1, 2], {"x": 1, "y": "z"},
    ]  # fmt: skip
    assert {nulls[name_of(type_)] for type_ in VALUES} == {None}
    output = ElementTree.fromstring(junit(report)).findtext(".//system-out") or ""
    assert r"a_binary=a\x00\xFF" in output
    assert "a_decimal_38_10=1234567890123456789012345678.0000000001" in output
    assert r"a\x00\xFF" in page(report)


def test_catalogs_are_told_every_type(things: Things) -> None:
    built(things, openlineage=str(things.root / "events.jsonl"))
    events = [json.loads(line) for line in (things.root / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    fields = next(
        {field["name"]: field["type"] for field in output["facets"]["schema"]["fields"]}
        for event in events
        for output in event.get("outputs", [])
        if output["name"].endswith(".thing")
    )
    manifest = json.loads(artifacts(things.root / "target", reports=things.options["reports"])[0].read_text())
    columns = manifest["nodes"]["model.lc_ibis.thing"]["columns"]
    exported = json.loads((things.root / "every.csv.manifest.json").read_text()) if built(things)(".csv") else {}
    for type_ in VALUES:
        assert (
            fields[name_of(type_)] == columns[name_of(type_)]["data_type"] == exported["types"][name_of(type_)] == type_
        )


# What a type has at its ends -------------------------------------------------------------------------

WHOLE = ["-9007199254740993", "9007199254740993", "-999999999999999", "1000000000000000", "-9223372036854775808"]


@pytest.mark.parametrize("digits", WHOLE)
def test_a_whole_number_in_excel_has_its_digits(things: Things, digits: str) -> None:
    form, value, _ = in_excel(built(things, {"int64": int(digits)})(".xlsx"))["a_int64"]
    assert (form, str(value)) == ("number" if len(digits.lstrip("-")) <= 15 else "text", digits)


@pytest.mark.parametrize(
    ("type_", "digits"),
    [("decimal(18, 2)", "-9999999999999.99"), ("decimal(18, 2)", "10000000000000.00"),
     ("decimal(38, 10)", "-99999.9999999999"), ("decimal(38, 10)", "100000.0000000000"),
     ("decimal(38, 20)", "0.00000999999999999999"), ("decimal(38, 20)", "-0.00001000000000000000"),
     ("decimal(38, 38)", "0.00000000000000000000000000000000000001"), ("decimal(15, 0)", "999999999999999")],
)  # fmt: skip
def test_a_decimal_in_excel_has_its_digits(things: Things, type_: str, digits: str) -> None:
    form, value, shown = in_excel(built(things, {type_: Decimal(digits)})(".xlsx"))[name_of(type_)]
    if len(digits.strip("-").replace(".", "").lstrip("0")) <= 15:
        assert (form, Decimal(repr(value))) == ("number", Decimal(digits))
        assert len(shown.removeprefix("0").removeprefix(".")) == -Decimal(digits).as_tuple().exponent  # type: ignore[operator]
    else:
        assert (form, value) == ("text", digits)


@pytest.mark.parametrize(
    ("type_", "value", "cell"),
    [
        ("date", date(1899, 12, 30), ("text", "1899-12-30")),
        ("date", date(1899, 12, 31), ("text", "1899-12-31")),
        ("date", date(1900, 2, 28), ("text", "1900-02-28")),
        ("date", date(1900, 3, 1), ("number", datetime(1900, 3, 1))),
        ("timestamp(6)", datetime(1900, 2, 28, 23, 59, 59, 999_600), ("text", "1900-02-28 23:59:59.9996")),
        ("date", date(9999, 12, 31), ("number", datetime(9999, 12, 31))),
        ("timestamp(6)", datetime(1899, 12, 31, 23, 59, 59), ("text", "1899-12-31 23:59:59")),
        ("timestamp(6)", datetime(9999, 12, 31, 23, 59, 59, 999_999), ("text", "9999-12-31 23:59:59.999999")),
        ("time", time(0, 0), ("number", time(0, 0))),
        ("float64", 1e300, ("number", 1e300)),
        ("float64", -0.0001, ("number", -0.0001)),
        ("float64", 5e-324, ("text", "5e-324")),
        ("float64", float("nan"), ("text", "nan")),
        ("float64", float("-inf"), ("text", "-inf")),
        ("float32", 0.1, ("number", 0.1)),
        ("uint64", 2**64 - 1, ("text", str(2**64 - 1))),
        ("binary", b"", ("text", "")),
    ],
)
def test_what_excel_does_not_have_is_text(things: Things, type_: str, value: Any, cell: tuple[str, Any]) -> None:
    export = built(things, {type_: value})
    found = in_excel(export(".xlsx"))[name_of(type_)]
    assert found[:2] == cell
    if found[0] == "text":
        assert first_row(export(".csv"))[name_of(type_)] == (found[1] or "")


def test_infinities_of_the_engine_are_text(things: Things) -> None:
    export = built(things, {"date": date(2026, 3, 1), "timestamp(6)": datetime(2026, 3, 1)})
    things.sql("UPDATE every_type.thing SET a_date = 'infinity', a_timestamp_6 = '-infinity' WHERE thing_id = 1")
    found = in_excel(export(".xlsx"))
    assert [found[name][:2] for name in ("a_date", "a_timestamp_6")] == [("text", "infinity"), ("text", "-infinity")]
    with pytest.raises(OutputError, match="a_date: dates before year 1 or after 9999 cannot name directories"):
        lc_ibis.export("thing", "parts", partition_by=["a_date"], database=things.options["database"])


def test_intervals_are_not_made_bytes(things: Things) -> None:
    things.build(table_of({"int64": 1}))
    things.sql("ALTER TABLE every_type.thing ALTER a_int64 TYPE INTERVAL USING INTERVAL 5 SECOND")
    database = {"database": things.options["database"]}
    with pytest.raises(OutputError, match=r"a_int64: intervals cannot be written to \.arrow"):
        lc_ibis.export("thing", "every.arrow", **database)
    assert in_excel(lc_ibis.export("thing", "every.xlsx", **database))["a_int64"][:2] == ("text", "00:00:05")


def test_a_directory_above_the_database_is_no_column(things: Things) -> None:
    things.root = things.root / "thing_id=7"
    things.root.mkdir()
    export = built(things)
    for ending in (".duckdb", ".xlsx"):
        export(ending)
    assert in_excel(things.root / "every.xlsx")["thing_id"][1] == 1
    with duckdb.connect(str(things.root / "every.duckdb"), read_only=True) as con:
        assert con.execute("SELECT thing_id FROM thing ORDER BY 1").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("value", [b"a\x00\xff", b"'\"\\ ~\x7f", bytes(range(256))])
def test_bytes_are_the_text_that_duckdb_has_for_them(value: bytes) -> None:
    assert duckdb.execute("SELECT ?::VARCHAR", [value]).fetchall() == [(text_of(value),)]


def test_rows_of_every_type_are_csv() -> None:
    row = {name_of(type_): value for type_, value in VALUES.items()} | {"nothing": None, "nan": float("nan")}
    assert to_csv([row]).splitlines()[1] == (
        "=A2,9007199254740993,-1234.50,1234567890123456789012345678.0000000001,0.1,True,2026-03-01,"
        r'2026-03-01T12:30:00.250000,12:30:00.250000,a\x00\xFF,"[1, 2]","{""x"": 1, ""y"": ""z""}",,nan'
    )


def test_what_is_no_value_has_no_json() -> None:
    with pytest.raises(TypeError, match="object has no place in a report"):
        to_json([object()])
