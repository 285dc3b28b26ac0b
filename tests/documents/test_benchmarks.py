"""The benchmarks measure what they say: the same work by hand and by lc-ibis, on the same extracts."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

import lc_ibis
from tests import ROOT

BENCHMARKS = ROOT / "benchmarks"
FILES = ("Customer.csv", "accounts.csv")


def tool(name: str, *words: Any) -> str:
    command = [sys.executable, str(BENCHMARKS / name), *map(str, words)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone).stdout


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("extracts")
    tool("generate.py", "--accounts", 3000, "--to", root)
    return root


def rows(file: Path) -> list[tuple[str, ...]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return [tuple(row) for row in csv.reader(lines)][1:]


def test_the_same_seed_gives_the_same_files(extracts: Path, tmp_path: Path) -> None:
    tool("generate.py", "--accounts", 3000, "--to", tmp_path)
    for day in ("day1", "day2", "delta"):
        for file in FILES:
            assert Counter(rows(tmp_path / day / file)) == Counter(rows(extracts / day / file))


@pytest.mark.parametrize("file", FILES)
def test_day_2_is_day_1_with_the_delta_applied(extracts: Path, file: str) -> None:
    delta = rows(extracts / "delta" / file)
    keys = {row[0] for row in delta}
    applied = [row for row in rows(extracts / "day1" / file) if row[0] not in keys]
    applied += [row[:-1] for row in delta if row[-1] == "upsert"]
    assert Counter(applied) == Counter(rows(extracts / "day2" / file))


def test_a_number_of_changed_rows_can_be_asked_for(tmp_path: Path) -> None:
    tool("generate.py", "--accounts", 3000, "--changed", 100, "--to", tmp_path)
    assert sum(len(rows(tmp_path / "delta" / file)) for file in FILES) == 100


@pytest.mark.parametrize("kind", ["--lean", "--no-lean"])
def test_the_floor_and_lc_ibis_make_the_same_marts_and_files(extracts: Path, tmp_path: Path, kind: str) -> None:
    floor = ["--database", tmp_path / "floor.duckdb", "--outputs", tmp_path / "floor"]
    ours = {"database": tmp_path / "ours.duckdb", "outputs": tmp_path / "ours", "reports": tmp_path / "reports"}
    for day, options in (("day1", []), ("day2", ["--day2"])):
        tool("floor.py", "--inputs", extracts / day, *floor, kind, *options)
        lc_ibis.build(inputs=extracts / day, **ours)
        assert marts(tmp_path / "floor.duckdb") == marts(tmp_path / "ours.duckdb")
        assert files(tmp_path / "floor") == files(tmp_path / "ours")
        assert layers(tmp_path / "floor.duckdb") == layers(tmp_path / "ours.duckdb")


def files(outputs: Path) -> Any:
    """Return the names of the files, and the rows of each in its order."""
    read = "SELECT * EXCLUDE (calculated_at) FROM"
    return {file.name: duckdb.sql(f"{read} '{file}'").fetchall() for file in outputs.glob("*.[cp]*")}


def layers(database: Path) -> Any:
    """Return the rows of the layers that one floor stores and the other has as views; of a refusal its kind."""
    why = "split_part(failure_reason, ':', 1)"
    wanted = {
        "staging.stg_customer": "customer_id, customer_name, has_loan_flag",
        "staging.stg_account": "account_id, customer_id, balance_amount, account_type",
        "staging.quarantine_stg_customer": f"customer_id, name, has_loan, {why}",
        "staging.quarantine_stg_account": f"account_id, customer_id, balance, account_type, {why}",
        "intermediate.int_account_with_customer": "account_id, customer_id, balance_amount, account_type, has_loan_flag",
        "intermediate.int_savings_account_only": "account_id, customer_id, balance_amount, customer_name",
    }
    with duckdb.connect(str(database), read_only=True) as con:
        return {
            table: con.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
            for table, columns in wanted.items()
        }


def marts(database: Path) -> Any:
    with duckdb.connect(str(database), read_only=True) as con:
        return [
            con.execute(f"SELECT * EXCLUDE (calculated_at) FROM marts.{table} ORDER BY 1").fetchall()
            for table in ("account_summary", "customer_profile")
        ]


def test_a_small_session_makes_a_report_with_pictures(tmp_path: Path) -> None:
    only = [word for step in ("nothing changed", "day 2", "changed rows") for word in ("--only", step)]
    tool("run.py", "--accounts", 1000, "--changes", 10, "--rounds", 1, *only, "--to", tmp_path)
    report = (tmp_path / "report.md").read_text()
    for words in ("| work | then | now | target | met? |", "1,000 accounts", "compilations", "cost_against_change.svg"):
        assert words in report
    assert {path.name for path in tmp_path.glob("*.svg")} == {"cost_against_size.svg", "cost_against_change.svg"}
    session = json.loads((tmp_path / "results.json").read_text())
    [sample] = [one for one in session["counts"] if one["accounts"] is None and one["step"] == "day 2, full extract"]
    assert sample["statements"] > 0


def test_checks_are_measured_in_every_way(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("outputs", "reports")}
    lc_ibis.build(database=tmp_path / "lc.duckdb", inputs=BENCHMARKS.parent / "data/inputs", **places)
    said = tool("checks.py", "--database", tmp_path / "lc.duckdb", "--rounds", 1)
    assert [line.split("  ")[0] for line in said.splitlines()[1:]] == [
        "batched", "a statement a check", "a statement a check, SQL alone",
    ]  # fmt: skip
