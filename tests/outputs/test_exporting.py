"""A table as a file for others: in every form the same rows, and a manifest that is true."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import LcIbisError, OutputError, SelectionError, SettingsError
from lc_ibis.outputs import directories, excel
from lc_ibis.outputs.manifest import manifest_of
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending

pytestmark = pytest.mark.usefixtures("any_amount")
LARGEST = "1234567890123456.78"
ACCOUNTS = [SAVINGS, ("=A2", "1", LARGEST, "Checking"), ("A3", "77", "-0.00", "Checking")]


def read(file: Path) -> list[dict[str, Any]]:
    """Read a file's rows; what is null is None."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as opened:
            return list(csv.DictReader(opened))
    if file.suffix == ".parquet":
        return list(pq.read_table(file).to_pylist())
    if file.suffix == ".arrow":
        with pa.memory_map(str(file)) as mapped:
            return list(pa.ipc.open_file(mapped).read_all().to_pylist())
    if file.suffix == ".duckdb":
        with duckdb.connect(str(file), read_only=True) as con:
            [(name,)] = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            return list(con.execute(f"FROM {name}").to_arrow_table().to_pylist())
    [sheet] = openpyxl.load_workbook(file).worksheets
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


@pytest.mark.parametrize("backend", WIDELY[:1] + WIDELY[2:])
@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".duckdb"])
def test_each_form_has_the_rows_as_they_are(lending: Lending, ending: str) -> None:
    lending.load([ALICE], ACCOUNTS)
    file = lc_ibis.export("snap_account", lending.root / f"rows{ending}", **lending.options)
    assert read(file) == lc_ibis.show("snap_account", **lending.options)


def test_a_worksheet_has_numbers_times_and_texts_and_never_a_formula(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    rows = {row["account_id"]: row for row in read(_exported(lending, "rows.xlsx"))}
    stored = {row["account_id"]: row for row in lc_ibis.show("snap_account", **lending.options)}
    assert list(rows) == ["=A2", "A1", "A3"], "by key, the texts as they are"
    assert rows["A1"]["balance_amount"] == 5000
    assert rows["=A2"]["balance_amount"] == LARGEST, "more digits than Excel's numbers have: as text"
    assert isinstance(rows["A1"]["dbt_valid_from"], datetime)
    assert abs(rows["A1"]["dbt_valid_from"] - stored["A1"]["dbt_valid_from"]) < timedelta(milliseconds=1)
    assert rows["A1"]["dbt_valid_to"] is None
    [sheet] = openpyxl.load_workbook(lending.root / "rows.xlsx").worksheets
    assert sheet.title == "snap_account"
    assert sheet["A2"].data_type == "s"
    assert sheet["C3"].number_format == "0.00"
    flag = lc_ibis.export("snap_customer", lending.root / "flags.xlsx", **lending.options)
    assert [row["has_loan_flag"] for row in read(flag)] == [True]


def test_what_a_worksheet_cannot_hold_is_refused(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([("1", "a" * 33_000, "Yes")], ACCOUNTS)
    with pytest.raises(OutputError, match="customer_name: a text of 33,000 characters does not fit a cell"):
        lc_ibis.export("stg_customer", lending.root / "rows.xlsx", **lending.options)
    monkeypatch.setattr(excel, "_MOST_ROWS", 3)
    with pytest.raises(OutputError, match=r"3 rows do not fit a worksheet \(maximum 3\)\. Export \.csv"):
        _exported(lending, "rows.xlsx")
    assert not list(lending.root.glob("*rows.xlsx*"))


def _exported(lending: Lending, name: str, **options: Any) -> Path:
    return lc_ibis.export("snap_account", lending.root / name, **lending.options, **options)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow", ".xlsx", ".duckdb"])
def test_columns_are_chosen_and_the_manifest_says_what_there_is(lending: Lending, ending: str) -> None:
    run = lending.load([ALICE], ACCOUNTS)
    file = _exported(lending, f"some{ending}", columns=["balance_amount", "account_id"])
    assert [list(row) for row in read(file)] == [["balance_amount", "account_id"]] * 3
    manifest = json.loads(manifest_of(file).read_text(encoding="utf-8"))
    assert manifest == {
        "schema_version": 1, "file": f"some{ending}", "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size, "table": "snap_account", "columns": ["balance_amount", "account_id"],
        "row_count": 3, "run_id": 1, "run_at": f"{run.run_at.isoformat()}Z", "partition_by": [], "as_of": None,
        "types": {"balance_amount": "decimal(18, 2)", "account_id": "string"},
    }  # fmt: skip
    _exported(lending, f"some{ending}", as_of="1")
    assert json.loads(manifest_of(file).read_text(encoding="utf-8"))["as_of"] == "1"


def test_the_manifest_names_the_run_of_the_moment_that_is_shown(lending: Lending) -> None:
    first = lending.load([ALICE], ACCOUNTS)
    second = lending.load(accounts=[SAVINGS])
    at = {"1": first, "2": second, None: second, 1: first, second.run_at.isoformat(): second}
    for as_of, run in at.items():
        manifest = json.loads(manifest_of(_exported(lending, "some.csv", as_of=as_of)).read_text(encoding="utf-8"))
        assert (manifest["run_id"], manifest["run_at"]) == (run.run_id, f"{run.run_at.isoformat()}Z")
    early = json.loads(manifest_of(_exported(lending, "none.csv", as_of="2020-01-01")).read_text(encoding="utf-8"))
    assert (early["row_count"], early["run_id"], early["run_at"]) == (0, None, None)


def test_formulas_are_neutralised_in_csv_on_request(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    assert {row["account_id"] for row in read(_exported(lending, "as_is.csv"))} >= {"=A2"}
    made = _exported(lending, "safe.csv", columns=["account_id"], neutralise_formulas=True)
    assert {row["account_id"] for row in read(made)} >= {"'=A2"}


@pytest.mark.parametrize(
    ("columns", "error", "told"),
    [
        (["balance"], SelectionError, r"snap_account has no column 'balance'\. Did you mean balance_amount\?"),
        (["account_id", "account_id"], SelectionError, "a column is named twice"),
    ],
)
def test_columns_that_are_not_there_are_refused(
    lending: Lending, columns: list[str], error: type[LcIbisError], told: str
) -> None:
    lending.load([ALICE], ACCOUNTS)
    with pytest.raises(error, match=told):
        _exported(lending, "some.csv", columns=columns)
    assert not list(lending.root.glob("some*"))


def test_without_its_package_a_worksheet_is_refused(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], ACCOUNTS)
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    with pytest.raises(SettingsError, match=r"pip install 'lc-ibis\[excel\]'"):
        _exported(lending, "rows.xlsx")


def test_the_command_writes_some_columns(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    words = [
        "export",
        "account_summary",
        "--to",
        "interest.xlsx",
        "--column",
        "account_id",
        "--column",
        "annual_interest_amount",
    ]
    result = CliRunner().invoke(main, [*words, "--database", str(lending.database)])
    assert result.output == "wrote interest.xlsx\n"
    assert read(Path("interest.xlsx")) == [{"account_id": "A1", "annual_interest_amount": float(Decimal("75.00"))}]
    assert sorted(path.name for path in Path().glob("interest*")) == ["interest.xlsx", "interest.xlsx.manifest.json"]


NAMED = [("A1", "1", "1", "Savings"), ("a/b=c %2F é", "1", "2", "Checking"), ("..", "2", "3", "Savings")]


@pytest.mark.parametrize("backend", WIDELY[:1] + WIDELY[2:])
def test_rows_are_parted_by_the_values_of_columns(lending: Lending) -> None:
    lending.load([ALICE], NAMED)
    place = _exported(lending, "parts", partition_by=["account_type", "account_id"])
    parts = [part.relative_to(place).as_posix() for part in sorted(place.rglob("*.parquet"))]
    assert parts[0] == "account_type=checking/account_id=a%2Fb%3Dc%20%252F%20é/part-0.parquet"
    assert len(parts) == 3
    stored = lc_ibis.show("snap_account", **lending.options)
    names = list(stored[0])
    # By a reader that is not the writer.
    query = f"SELECT {', '.join(names)} FROM read_parquet('{place}/**/*.parquet', hive_partitioning = true)"
    found = duckdb.sql(f"{query} ORDER BY account_id").to_arrow_table().to_pylist()
    assert found == sorted(stored, key=lambda row: row["account_id"])
    manifest = json.loads(manifest_of(place).read_text(encoding="utf-8"))
    lines = "".join(f"{part} {hashlib.sha256((place / part).read_bytes()).hexdigest()}\n" for part in parts)
    assert manifest["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert (manifest["partition_by"], manifest["row_count"]) == (["account_type", "account_id"], 3)


def test_an_export_replaces_its_directory_and_no_other(lending: Lending) -> None:
    lending.load([ALICE], NAMED)
    place = _exported(lending, "parts", partition_by=["account_id"])
    _exported(lending, "parts", partition_by=["account_type"])
    assert sorted(part.name for part in place.iterdir()) == ["account_type=checking", "account_type=savings"]
    (place / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="it contains files that are not from an export"):
        _exported(lending, "parts", partition_by=["account_type"])
    (lending.root / "link").symlink_to(place)
    with pytest.raises((OutputError, SettingsError), match="not from an export|not written by an export"):
        _exported(lending, "link", partition_by=["account_type"])
    assert (place / "notes.txt").read_text() == "mine"
    assert not list(lending.root.glob(".*tmp"))


def test_a_table_without_rows_is_an_empty_directory(lending: Lending) -> None:
    lending.load([ALICE], [("A1", "1", "1", "Checking")])
    place = lc_ibis.export("account_summary", lending.root / "none", partition_by=["account_id"], **lending.options)
    assert list(place.iterdir()) == []
    assert json.loads(manifest_of(place).read_text(encoding="utf-8"))["row_count"] == 0


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"to": "x.csv"}, SettingsError, r"with --partition-by, it must be a directory\. Remove \.csv"),
        ({"partition_by": ["kind"]}, SelectionError, "snap_account has no column 'kind'"),
        ({"partition_by": ["account_type"] * 2}, SelectionError, "a column is named twice"),
        ({"columns": ["account_id"]}, SelectionError, "--partition-by account_type is not among the selected columns"),
        ({"columns": ["account_type"]}, SelectionError, "all columns are in --partition-by"),
        ({"partition_by": ["balance_amount"]}, OutputError, "values of type decimal128.* cannot name directories"),
        ({"partition_by": ["account_id"]}, OutputError, "account_id: the value 'null' cannot name a directory"),
        ({"to": ".."}, SettingsError, r"\.\.: this directory exists and was not written by an export"),
        ({"to": "."}, SettingsError, "this directory exists and was not written by an export"),
    ],
)
def test_what_cannot_part_rows_is_refused(
    lending: Lending, options: dict[str, Any], error: type[LcIbisError], told: str
) -> None:
    lending.load([ALICE], [SAVINGS, ("null", "1", "1", "Savings")])
    with pytest.raises(error, match=told):
        _exported(lending, **{"name": options.pop("to", "parts"), "partition_by": ["account_type"], **options})
    assert not list(lending.root.glob("*parts*"))


def test_too_many_values_are_refused(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], NAMED)
    monkeypatch.setattr(directories, "_MOST_DIRECTORIES", 2)
    with pytest.raises(OutputError, match="account_id: 3 values would need as many directories; the limit is 2"):
        _exported(lending, "parts", partition_by=["account_id"])


def test_the_database_is_not_exported_over(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    place = lending.root / "lc.duckdb"
    place.rename(lending.root / "my.duckdb")
    place.symlink_to("my.duckdb")
    with pytest.raises(SettingsError, match="this is the database itself"):
        lc_ibis.export("snap_account", lending.root / "my.duckdb", database=place)


def test_what_builds_or_others_keep_is_not_exported_over(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], publish=lending.root / "readers.duckdb")
    (lending.root / "theirs.duckdb").write_bytes(b"precious")
    (lending.root / "theirs/year=2026").mkdir(parents=True)
    (lending.root / "theirs/year=2026/part-0.parquet").write_bytes(b"precious")
    before = {path: path.read_bytes() for path in lending.root.rglob("*") if path.is_file()}
    for name, told in {
        "lc.duckdb": "this is the database itself",
        "readers.duckdb": "this is the copy for readers",
        "theirs.duckdb": "this database exists and was not written by an export",
        "inputs/accounts.csv": "it is in the directory of extracts",
        "outputs/account_summary.csv": "builds write this file",
        "outputs/account_summary": "builds write this file",
        "outputs/outputs": "builds write this file",
        "outputs": "builds write this file",
        "theirs": "this directory exists and was not written by an export",
    }.items():
        by = {"partition_by": ["account_type"]} if "." not in name.strip(".") else {}
        with pytest.raises(SettingsError, match=told):
            lc_ibis.export(
                "snap_account", lending.root / name, **lending.options, inputs=lending.inputs,
                outputs=lending.outputs, publish=lending.root / "readers.duckdb", **by,
            )  # fmt: skip
    assert {path: path.read_bytes() for path in lending.root.rglob("*") if path.is_file()} == before
    for _ in range(2):
        lc_ibis.export("snap_account", lending.root / "mine.duckdb", **lending.options)


def test_what_a_killed_export_left_is_swept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    for name in (".rows.xlsx.1234567.tmp", ".rows.xlsx.1234567.rows.tmp"):
        (lending.root / name).write_text("half")
    assert _exported(lending, "rows.xlsx").exists()
    assert not [path.name for path in lending.root.glob(".*")]
