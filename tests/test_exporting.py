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
from lc_ibis import exporting
from lc_ibis.cli import main
from lc_ibis.errors import LcIbisError, OutputError, SelectionError, SettingsError
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending

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
    with pytest.raises(OutputError, match="customer_name: a text of 33,000 letters does not fit a cell"):
        lc_ibis.export("stg_customer", lending.root / "rows.xlsx", **lending.options)
    monkeypatch.setattr(exporting, "_MOST_ROWS", 3)
    with pytest.raises(OutputError, match=r"3 rows do not fit a worksheet, which has 3\. Export \.csv"):
        _exported(lending, "rows.xlsx")
    assert not list(lending.root.glob("*rows.xlsx*"))


def _exported(lending: Lending, name: str, **options: Any) -> Path:
    return lc_ibis.export("snap_account", lending.root / name, **lending.options, **options)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow", ".xlsx", ".duckdb"])
def test_columns_are_chosen_and_the_manifest_says_what_there_is(lending: Lending, ending: str) -> None:
    run = lending.load([ALICE], ACCOUNTS)
    file = _exported(lending, f"some{ending}", columns=["balance_amount", "account_id"])
    assert [list(row) for row in read(file)] == [["balance_amount", "account_id"]] * 3
    manifest = json.loads(exporting.manifest_of(file).read_text(encoding="utf-8"))
    assert manifest == {
        "schema_version": 1, "file": f"some{ending}", "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size, "table": "snap_account", "columns": ["balance_amount", "account_id"],
        "row_count": 3, "run_id": 1, "run_at": f"{run.run_at.isoformat()}Z", "as_of": None,
    }  # fmt: skip
    _exported(lending, f"some{ending}", as_of="1")
    assert json.loads(exporting.manifest_of(file).read_text(encoding="utf-8"))["as_of"] == "1"


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
