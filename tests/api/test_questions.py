"""What became of a key, what changed between two moments, why a row is as it is."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import LcIbisError, SelectionError
from tests.conftest import ACCOUNT, ALICE, CUSTOMER, SAVINGS, Lending, write_csv
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN
from tests.laws.test_laws import loads

pytestmark = pytest.mark.usefixtures("of_few_rows")


@pytest.fixture
def lending(tmp_path: Path) -> Lending:
    return Lending(tmp_path)


def life(lending: Lending, *question: Any) -> list[tuple[int | None, str]]:
    return [(event.run_id, event.what) for event in lc_ibis.history(*question, **lending.options)]


def test_a_life_has_all_that_happened(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "1.00", "Savings")])
    for balance in ("6000.00", "abc", "6000.00"):
        lending.load(accounts=[("A1", "1", balance, "Savings")])
    lending.load(accounts=[("A9", "1", "1", "Savings")])
    lending.load(accounts=[("A1", "1", "6000.00", "Checking")])
    events = lc_ibis.history("account", "A1", **lending.options)
    assert [(event.run_id, event.what) for event in events] == [
        (1, "first seen"), (2, "changed"), (3, "refused"), (4, "no longer refused"), (5, "deleted"), (6, "came back"),
    ]  # fmt: skip
    assert events[0].changes["balance_amount"] == (None, Decimal("5000.00"))
    assert events[1].changes == {"balance_amount": (Decimal("5000.00"), Decimal("6000.00"))}
    assert events[2].reason == "balance is not a plain decimal: 'abc'"
    assert events[5].changes == {"account_type": ("savings", "checking")}
    assert life(lending, "account", "A2") == [(1, "first seen"), (2, "deleted")]
    assert life(lending, "snap_customer", 1) == life(lending, "customer", "1") == [(1, "first seen")]


def test_a_key_that_was_only_ever_refused_has_a_life_too(lending: Lending) -> None:
    lending.load([ALICE, (" 2 ", "Bob", "perhaps")], [SAVINGS])
    assert life(lending, "customer", "2") == [(1, "refused")]


def test_a_refusal_that_came_back_is_told_each_time(lending: Lending) -> None:
    for balance in ("abc", "50.00", "abc", "70.00"):
        lending.load([ALICE], [("A0", "1", "1", "Savings"), ("A1", "1", balance, "Savings")])
    told = [(1, "refused"), (2, "no longer refused"), (3, "refused"), (4, "no longer refused")]
    assert [event for event in life(lending, "account", "A1") if "refused" in event[1]] == told


@pytest.mark.parametrize("number", ["A2\u200b", "\xa0A2", "A\u00ad2"])
def test_an_account_that_holds_what_cannot_be_seen_has_a_life_too(lending: Lending, number: str) -> None:
    """Its number is read as none, so it is known by its text; the account without is another."""
    lending.load([ALICE], [SAVINGS, (f" {number} ", "1", "5", "Savings"), ("A2", "1", "5", "Savings")])
    lending.load(accounts=[SAVINGS, ("A2", "1", "5", "Savings")])
    assert life(lending, "account", number) == [(1, "refused"), (2, "no longer refused")]
    assert life(lending, "account", "A2") == [(1, "first seen")]
    with pytest.raises(SelectionError, match="nor a refused row of it"):
        life(lending, "account", f"{number}x")


def test_more_copies_of_a_refused_row_are_no_event(lending: Lending) -> None:
    for copies in (1, 2, 1):
        lending.load([ALICE], [("A0", "1", "1", "Savings"), *[("A1", "1", "abc", "Savings")] * copies])
    assert life(lending, "account", "A1") == [(1, "refused")]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("acount", "A1"), "No history found for 'acount'. Did you mean account?"),
        (("account", "A7"), "No account A7 found in any run"),
        (("account", "A1", "A2"), "snap_account: the key is account_id, but you gave 'A1', 'A2'"),
        (("customer", "one"), "snap_customer.customer_id: 'one' is not an integer"),
        (("customer", "9" * 20), "does not fit a 64-bit integer"),
        (("account", "'; DROP TABLE x --"), "No account '; DROP TABLE x -- found"),
    ],
)
def test_what_there_is_no_history_of_is_said(lending: Lending, question: tuple[str, ...], answer: str) -> None:
    lending.load([ALICE], [SAVINGS])
    with pytest.raises(SelectionError) as error:
        lc_ibis.history(*question, **lending.options)
    assert answer in str(error.value)


def test_a_diff_counts_rows_and_columns(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    first = lending.rows("account_summary")
    lending.load([ANN, BEN], [("A1", "1", "77.00", "Savings"), *ACCOUNTS[2:], ("A99", "2", "5", "Savings")])
    found = lc_ibis.diff("account_summary", "1", **lending.options)
    changed = {row.key["account_id"]: (row.change, row.columns) for row in found.rows}
    assert (found.added_count, found.removed_count, found.changed_count) == (1, 1, 1)
    assert changed["A1"] == ("changed", {
        name: (first[0][name], row) for name, row in lending.rows("account_summary")[0].items()
        if first[0][name] != row and name != "calculated_at"
    })  # fmt: skip
    assert found.column_counts == dict.fromkeys(changed["A1"][1], 1)
    assert changed[ACCOUNTS[1][0]][0] == "removed"
    assert changed["A99"][0] == "added"
    assert changed["A99"][1]["customer_id"] == (None, 2)
    back = lc_ibis.diff("account_summary", "2", "1", limit=0, **lending.options)
    assert (back.added_count, back.removed_count, back.changed_count, back.rows) == (1, 1, 1, ())
    same = lc_ibis.diff("account_summary", "2", **lending.options)
    assert (same.added_count, same.removed_count, same.changed_count, same.column_counts) == (0, 0, 0, {})


@settings(max_examples=5)
@given(loads)
def test_a_diff_applied_to_the_old_rows_gives_the_new(tmp_path_factory: pytest.TempPathFactory, sequence: Any) -> None:
    lending = Lending(tmp_path_factory.mktemp("diffs"))
    runs = [lending.load(*load) for load in sequence]
    key = {"account_summary": "account_id", "customer_profile": "customer_id", "snap_account": "dbt_scd_id"}
    for table, name in key.items():
        before = lending.rows(table, as_of=runs[0].run_at)
        found = lc_ibis.diff(table, runs[0].run_at, **lending.options)
        rows = {row[name]: row for row in before}
        for row in found.rows:
            if row.change == "removed":
                del rows[row.key[name]]
            else:
                new = {column: values[1] for column, values in row.columns.items()}
                rows[row.key[name]] = {**rows.get(row.key[name], {}), **row.key, **new}
        now = lending.rows(table)
        for row in (*rows.values(), *now):
            row.pop("calculated_at", None)
        assert {frozenset(row.items()) for row in rows.values()} == {frozenset(row.items()) for row in now}


def test_a_table_without_past_or_key_has_no_diff(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with pytest.raises(LcIbisError, match="--as-of works only for histories and tables downstream"):
        lc_ibis.diff("stg_account", "1", **lending.options)
    with pytest.raises(LcIbisError, match="quarantine_stg_account: the table has no key"):
        lc_ibis.diff("quarantine_stg_account", "1", **lending.options)
    with pytest.raises(LcIbisError, match="No run 5 has changed anything; the last is run 1"):
        lc_ibis.diff("account_summary", "5", **lending.options)


def test_a_moment_is_a_run_or_a_time(lending: Lending) -> None:
    run = lending.load([ALICE], [SAVINGS])
    assert lending.rows("account_summary", "account_id", as_of="1") == ["A1"]
    assert lending.rows("account_summary", "account_id", as_of=run.run_at - timedelta(microseconds=1)) == []


def explained(lending: Lending, *question: Any) -> dict[str, Any]:
    places = {name: value for name, value in lending.places().items() if name not in ("outputs", "reports")}
    return {step.table: step for step in lc_ibis.explain(*question, **places)}


def test_a_row_is_explained_back_to_the_lines(lending: Lending) -> None:
    accounts = [("A0", "2", "1.00", "Savings"), ("A1", "1", "5000.00", "Savings"), ("A2", "1", "3.00", "Checking")]
    lending.load([BEN, ("1", "Ann\nof two lines", "Yes"), ("3", "Cy", "no")], accounts)
    steps = explained(lending, "account_summary", "A1")
    assert list(steps) == [
        "account_summary", "int_savings_account_only", "int_account_with_customer", "snap_account", "snap_customer",
        "stg_account", "stg_customer", "src_account", "src_customer",
    ]  # fmt: skip
    assert all(len(step.rows) == 1 for step in steps.values())
    assert steps["snap_customer"].rows[0]["customer_id"] == 1
    assert "1.5 % from there" in steps["account_summary"].meaning
    assert [(Path(line.file).name, line.number) for line in steps["src_account"].lines] == [("accounts.csv", 3)]
    assert [(Path(line.file).name, line.number) for line in steps["src_customer"].lines] == [("Customer.csv", 3)]
    profile = explained(lending, "customer_profile", 1)
    assert [row["account_id"] for row in profile["account_summary"].rows] == ["A1"]
    assert profile["src_account"].lines == steps["src_account"].lines


def test_a_held_row_is_explained_by_what_was_refused(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "abc", "Savings")])
    steps = explained(lending, "account_summary", "A1")
    assert steps["quarantine_stg_account"].rows[0]["failure_reason"] == "balance is not a plain decimal: 'abc'"
    assert "stg_account" not in steps


def where(step: Any) -> list[tuple[str, int | None]]:
    return [(Path(line.file).name, line.number) for line in step.lines]


def held_place(lending: Lending, delivery: str) -> Lending:
    """Return a place where A3 was accepted in the first of three files, delivered again, and refused in the last."""
    rows = [("A0", "1", "1.00", "Savings"), ("A3 ", "1", "7", "savings"), ("A4", "1", "2", "savings")]
    lending.deliver([ALICE])
    for day, last in enumerate((rows[1], ("A3", "1", "7.00", "Savings"), ("A3", "1", "bad", "Savings")), start=1):
        operations = [(*row, "upsert") for row in (rows[0], last, rows[2])] if day > 1 else rows
        is_delta = delivery == "delta" and day > 1
        header = (*ACCOUNT, "_op") if is_delta else ACCOUNT
        write_csv(lending.inputs / f"accounts-{day}.csv", header, operations if is_delta else [rows[0], last, rows[2]])
        write_csv(lending.inputs / "Customer.csv", CUSTOMER, [ALICE])
        if is_delta:
            write_csv(lending.inputs / "Customer.csv", (*CUSTOMER, "_op"), [(*ALICE, "upsert")])
        pattern = {"src_account": f"accounts-{day}.csv"}
        lending.build(delivery="delta" if is_delta else "full", source=pattern)
    return lending


@pytest.mark.parametrize("delivery", ["full", "delta"])
def test_a_held_row_is_not_explained_by_the_line_that_was_refused(lending: Lending, delivery: str) -> None:
    steps = explained(held_place(lending, delivery), "account_summary", "A3")
    assert steps["account_summary"].rows[0]["original_balance_amount"] == 7
    assert where(steps["quarantine_stg_account"]) == [("accounts-3.csv", 3)]
    origin = steps["src_account"]
    assert (origin.rows, where(origin)) == ((), [("accounts-1.csv", 3)])
    assert origin.note == "A3 is on hold: today's row was refused, so the version from run 1 stays current."
    (lending.inputs / "accounts-1.csv").unlink()
    assert where(explained(lending, "account_summary", "A3")["src_account"]) == [("accounts-2.csv", 3)]
    (lending.inputs / "accounts-2.csv").write_text("other", encoding="utf-8")
    origin = explained(lending, "account_summary", "A3")["src_account"]
    assert origin.lines == ()
    assert origin.note.endswith("from run 1 stays current. The file it came from is gone.")


def test_rows_that_are_not_held_are_explained_beside_one_that_is(lending: Lending) -> None:
    steps = explained(held_place(lending, "full"), "customer_profile", 1)
    assert [row["account_id"] for row in steps["src_account"].rows] == ["A0", "A4"]
    assert ("accounts-1.csv", 3) in where(steps["src_account"])
    assert ("accounts-3.csv", 3) not in where(steps["src_account"])
    assert steps["src_customer"].note == ""
    why = run(lending, "explain", "customer_profile", "1", "--inputs", str(lending.inputs))
    assert "A3 is on hold: today's row was refused, so the version from run 1 stays current." in why


def test_a_held_customer_is_explained_too(lending: Lending) -> None:
    lending.load([ALICE, BEN], [SAVINGS])
    lending.load([("1", "Alice", "perhaps"), BEN])
    step = explained(lending, "account_summary", "A1")["src_customer"]
    assert (step.rows, step.lines) == ((), ())
    assert step.note == (
        "1 is on hold: today's row was refused, so the version from run 1 stays current. The file it came from is gone."
    )


def test_a_closed_version_is_behind_nothing(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "6000.00", "Savings")])
    assert [row["balance_amount"] for row in explained(lending, "snap_account", "A1")["snap_account"].rows] == [6000]
    lending.load(accounts=[("A3", "1", "6000.00", "Savings")])
    with pytest.raises(
        SelectionError, match=r"snap_account has no row A1. See what happened to it with lc-ibis history"
    ):
        explained(lending, "snap_account", "A1")


@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_lines_of_other_files(lending: Lending, form: str) -> None:
    lending.deliver([ALICE])
    rows = [("A0", "1", "1.00", "Savings"), SAVINGS]
    if form == "parquet":
        columns = {name: [row[place] for row in rows] for place, name in enumerate(ACCOUNT)}
        pq.write_table(pa.table(columns), lending.inputs / "accounts.parquet")
    else:
        write_csv(lending.root / "a.csv", ACCOUNT, rows)
        (lending.inputs / "accounts.csv.gz").write_bytes(gzip.compress((lending.root / "a.csv").read_bytes()))
    lending.build()
    [line] = explained(lending, "account_summary", "A1")["src_account"].lines
    assert (Path(line.file).name, line.number) == (f"accounts.{form}", 2 if form == "parquet" else 3)
    said = run(lending, "explain", "account_summary", "A1", "--inputs", str(lending.inputs))
    assert f"accounts.{form}, {'row 2' if form == 'parquet' else 'line 3'}\n" in said


def test_a_file_that_is_gone_or_another_is_said(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.deliver(accounts=[("A1", "1", "9.00", "Savings")])
    [line] = explained(lending, "account_summary", "A1")["src_account"].lines
    assert (line.number, line.problem) == (None, "it is not the file that was loaded")
    (lending.inputs / "accounts.csv").unlink()
    [line] = explained(lending, "account_summary", "A1")["src_account"].lines
    assert (line.number, line.problem) == (None, "the file is gone")


def test_a_file_that_is_another_is_said_once_with_the_option_that_names_its_directory(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "6000.00", "Savings")])
    lending.deliver(accounts=[("A1", "1", "9.00", "Savings")])
    said = run(lending, "explain", "account_summary", "A1", "--inputs", str(lending.inputs))
    assert said.count("accounts.csv: it is not the file that was loaded") == 1
    assert said.endswith("If the files were delivered to another directory, name it with --inputs.\n")
    lending.load()
    assert "--inputs" not in run(lending, "explain", "account_summary", "A1", "--inputs", str(lending.inputs))


def run(lending: Lending, *words: str) -> str:
    return CliRunner().invoke(main, [*words, "--database", str(lending.database)]).output


def test_the_commands_say_it_in_words_and_as_json(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "6000.00", "Savings")])
    assert "run 2   changed            balance_amount 5000.00 → 6000.00" in run(lending, "history", "account", "A1")
    assert json.loads(run(lending, "history", "account", "A1", "--json"))[1]["what"] == "changed"
    said = run(lending, "diff", "account_summary", "--from", "1")
    assert "A1                    changed  original_balance_amount 5000.00 → 6000.00" in said
    assert "account_summary: 0 added, 0 removed, 1 changed (original_balance_amount 1" in said
    assert "1 more: --limit" in run(lending, "diff", "account_summary", "--from", "1", "--limit", "0")
    assert run(lending, "diff", "account_summary", "--from", "2") == "account_summary is identical at both moments.\n"
    assert json.loads(run(lending, "diff", "account_summary", "--from", "1", "--json"))["changed_count"] == 1
    why = run(lending, "explain", "account_summary", "A1", "--inputs", str(lending.inputs))
    assert f"{lending.inputs / 'accounts.csv'}, line 2" in why
    assert "One row per savings account" in why
    tables = [step["table"] for step in json.loads(run(lending, "explain", "account_summary", "A1", "--json"))]
    assert (tables[0], tables[-1]) == ("account_summary", "src_customer")
