"""lc-ibis migrate, as a user types it."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lc_ibis.cli import main
from tests.conftest import Lending
from tests.migrating import Moving, Templates
from tests.old_databases import ACCOUNTS, CUSTOMERS, DIRTY_ACCOUNTS, DIRTY_CUSTOMERS, five_layers, three_layers

OLD = "before/old.duckdb"


@pytest.fixture
def dirty(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> Moving:
    """Three layers with rows that are refused today; the places are in the environment."""
    return _placed(Moving(lending, three_layers(lending.root / OLD, DIRTY_CUSTOMERS, DIRTY_ACCOUNTS)), monkeypatch)


@pytest.fixture
def applied(lending: Lending, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Moving:
    """The same, all phases applied."""
    moving = templates.copy(lending, "dirty", lambda path: three_layers(path, DIRTY_CUSTOMERS, DIRTY_ACCOUNTS))
    return _placed(moving, monkeypatch)


def _placed(moving: Moving, monkeypatch: pytest.MonkeyPatch) -> Moving:
    for name, path in moving.places.items():
        monkeypatch.setenv(f"LC_IBIS_{name.upper()}", str(path))
    return moving


def run(*arguments: str, exit_code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["migrate", *arguments], input=stdin)
    assert result.exit_code == exit_code, result.output + str(result.exception)
    return result


def printed(*arguments: str, exit_code: int = 0) -> Any:
    return json.loads(run(*arguments, exit_code=exit_code).stdout)


def test_plan_says_what_is_created_cast_refused_and_changed_and_writes_nothing(dirty: Moving) -> None:
    output = run("plan", "--from", OLD).output
    assert re.search(r"create staging.stg_account +9 rows", output)
    assert (
        "main_staging.stg_accounts__cleaned.balance DECIMAL(10,2) → stg_account.balance_amount decimal(18, 2)" in output
    )
    assert "has_loan VARCHAR → stg_customer.has_loan_flag boolean ('No' is false 2 ×, 'Yes' is true 2 ×)" in output
    assert (
        "raw.customers_raw 4: has_loan is neither yes nor no: 'maybe' | CustomerID='4', Name='Dave', HasLoan='maybe'"
        in output
    )
    assert "main_staging.stg_customers__cleaned 3: as cleaning has it | has_loan null → 'No'" in output
    assert "its customer 4 is refused" in output
    assert re.search(r"create raw.accounts_raw +18 rows", output)
    assert not dirty.lending.database.exists()
    assert sorted(path.name for path in dirty.lending.root.iterdir()) == ["before", "inputs"]
    assert [phase["status"] for phase in printed("status", "--json")] == ["not applied"] * 7


def test_plan_has_every_row_as_csv_and_json_and_the_first_on_the_screen(dirty: Moving) -> None:
    rows = list(csv.DictReader(io.StringIO(run("plan", "--from", OLD, "--phase", "2", "--csv").output)))
    assert len(rows) == 15
    assert sum(row["reason"].startswith("balance") for row in rows) == 4
    [phase] = printed("plan", "--from", OLD, "--phase", "2", "--json")
    assert len(phase["rows"]) == 15
    output = run("plan", "--from", OLD, "--phase", "2", "--limit", "1").output
    assert "… 14 more: --limit, or --csv for all" in output


def test_plan_of_a_phase_that_would_fail_says_why(dirty: Moving) -> None:
    result = run("plan", "--from", OLD, "--max-refused-share", "0.1", exit_code=1)
    assert "phase 2: snapshots, would fail" in result.output
    assert "FAILS" in result.output
    assert "few_refused" in result.output
    assert "phase 3" not in result.output


def test_plan_knows_what_is_applied_already(applied: Moving) -> None:
    applied.rollback(6)
    before = applied.contents()
    statuses = [phase["status"] for phase in printed("plan", "--json")]
    assert statuses == ["already applied"] * 5 + ["to apply"] * 2
    assert applied.contents() == before


def test_plan_names_what_has_no_counterpart(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    old = three_layers(lending.root / OLD)
    with duckdb.connect(str(old)) as con:
        con.execute("CREATE TABLE main_marts.reviews AS SELECT 1 AS a; ALTER TABLE raw.customers_raw ADD Email VARCHAR")
    _placed(Moving(lending, old), monkeypatch)
    output = run("plan", "--from", OLD, "--phase", "1").output
    assert "note: raw.customers_raw: Email is not migrated: no new table has it." in output
    assert "note: main_marts.reviews: it has no counterpart and stays only in the old database." in output


def test_apply_prints_a_line_a_phase_and_where_the_backup_is(dirty: Moving) -> None:
    output = run("apply", "--from", OLD, "--phase", "1", "--phase", "2").output
    assert re.search(r"1 source layer +applied +\d+\.\d s  rows: src_customer 8, src_account 18", output)
    assert "lc.duckdb.migration/before_phase_1 to before_phase_2" in output
    assert "Nothing to do: all selected phases are applied." in run("apply", "--phase", "1").output
    assert re.search(r"2 snapshots +applied +\d{4}-\d\d-\d\d .* UTC", run("status").output)


def test_validate_prints_counts_reasons_and_the_verdict(applied: Moving) -> None:
    output = run("validate").output
    assert "14 and 6 rows, 5 equal; 9 differences explained, 0 unexplained" in output
    assert "1 × only in the old mart: refused: balance is negative" in output
    assert "Valid: every difference is explained." in output
    document = printed("validate", "--json")
    assert document["is_valid"] is True
    assert len(document["tables"][0]["differences"]) == 9


def test_validate_exits_with_1_where_something_is_unexplained(applied: Moving) -> None:
    import duckdb

    with duckdb.connect(str(applied.old)) as con:
        con.execute("UPDATE main_marts.account_summary SET new_balance = 1 WHERE account_id = 'A1'")
    result = run("validate", "--from", str(applied.old), exit_code=1)
    assert "A1 new_balance 1.00 → 5075.00: UNEXPLAINED" in result.output
    assert "Not valid." in result.output
    assert printed("validate", "--from", str(applied.old), "--json", exit_code=1)["is_valid"] is False


def test_the_checklist_is_a_table_and_markdown_and_json(applied: Moving) -> None:
    output = run("validate", "--checklist", "--markdown").output
    assert "| check | verdict | found |\n|---|---|---|" in output
    assert "| all phases are applied | pass | 7 of 7 |" in output
    assert "| measured in this run | before | after | improvement |" in output
    assert re.search(r"\| database \| \d+\.\d MB \| \d+\.\d MB \|", output)
    assert output.endswith("Passed.\n")


def test_rollback_names_what_goes_too_and_asks(applied: Moving) -> None:
    before = applied.contents()
    question = "Roll back phase 7, 6 (phase 7 came later and is rolled back too)?"
    assert question in run("rollback", "--phase", "6", exit_code=1, stdin="n\n").output
    assert applied.contents() == before
    output = run("rollback", "--phase", "6", "--yes").output
    assert "6 naming                   rolled back" in output
    assert "Rolled back to the state before phase 6" in output
    run("rollback", stdin="y\n")
    assert not applied.lending.database.exists()
    assert "Nothing to do" in run("rollback", "--yes").output
    assert printed("rollback", "--yes", "--json") == []


def test_aliases_are_dropped_alone(applied: Moving) -> None:
    assert "Removed 7 views" in run("apply", "--drop-aliases").output
    assert "There are no views with old names." in run("apply", "--drop-aliases").output
    assert "Remove the other options" in run("apply", "--drop-aliases", "--phase", "6", exit_code=2).output


def test_adopted_and_folded_versions_are_counted(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = [(CUSTOMERS, ACCOUNTS)] * 3
    _placed(Moving(lending, five_layers(lending.root / OLD, *loads)), monkeypatch)
    done = printed(
        "apply", "--from", OLD, "--phase", "1", "--phase", "2", "--adopt-snapshots", "--fold-unchanged", "--json"
    )
    assert done[1]["details"].startswith(
        "adopted 3 versions of snap_customer (6 more were folded, being unchanged), 4 versions"
    )


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("apply",), 1, "Name it with --from"),
        (("plan", "--from", "none.duckdb"), 1, "none.duckdb: no old database found"),
        (("apply", "--from", OLD, "--phase", "9"), 2, "9 is not a phase. Choose 1 to 7"),
        (("apply", "--from", OLD, "--fold-unchanged"), 2, "Add --adopt-snapshots"),
        (("apply", "--from", OLD, "--backend", "spark"), 2, "migrations work on DuckDB databases only"),
        (("validate", "--markdown"), 2, "--markdown needs --checklist"),
        (("validate", "--checklist", "--phase", "1"), 2, "--checklist checks all phases"),
    ],
)
def test_what_is_not_understood_is_said(dirty: Moving, arguments: tuple[str, ...], exit_code: int, said: str) -> None:
    assert said in run(*arguments, exit_code=exit_code).output
    assert not dirty.lending.database.exists()
