"""Data quality that people act on: severity, thresholds, what was refused, and checks that are awake."""

from __future__ import annotations

import json

import duckdb
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api.build import run_pipeline
from lc_ibis.api.test import mutated
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.cli import main
from lc_ibis.declare.check_kinds import accepted_range, expression_is_true, positive_value
from lc_ibis.declare.checks import CheckResult
from lc_ibis.declare.models import Incremental, Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.run import Run
from lc_ibis.errors import ChecksFailed, SettingsError
from lc_ibis.layers import pipeline
from lc_ibis.settings import Settings
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending
from tests.layers.test_sample import DAYS


@pytest.fixture
def many_rows_may_be_refused() -> None:
    """Not here: half of them, as by default."""


GOOD = [(f"A{number}", "1", "10.00", "Savings") for number in range(100)]


def _spoilt(count: int) -> list[tuple[str, ...]]:
    return [
        (key, owner, "-1" if number < count else balance, kind)
        for number, (key, owner, balance, kind) in enumerate(GOOD)
    ]


@pytest.mark.parametrize(("count", "status"), [(5, "pass"), (6, "warn"), (50, "warn")])
def test_refused_rows_are_a_warning_beyond_a_share(lending: Lending, count: int, status: str) -> None:
    lending.deliver([ALICE], _spoilt(count))
    [result] = _results(lending.build(), "quarantine_stg_account", "few_refused")
    assert (result.status, result.failing_count, result.row_count) == (status, count, 100)


def test_a_broken_feed_does_not_pass_as_a_small_day(lending: Lending) -> None:
    lending.deliver([ALICE], GOOD)
    lending.build()
    before = lending.files()
    lending.deliver(accounts=_spoilt(51))
    with pytest.raises(
        ChecksFailed,
        match=r"quarantine_stg_account: 51 of 100 rows fail few_refused \(warn over 5%, error over 50%\), by account_id, ",
    ):
        lending.build()
    assert lending.files() == before
    lending.build(max_refused_share=0.51)
    assert lc_ibis.test(database=lending.database).status == "failed"
    assert lc_ibis.test(database=lending.database, max_refused_share=0.6).status == "passed"


def test_a_share_may_be_wished_for(lending: Lending) -> None:
    lending.deliver([ALICE], _spoilt(50))
    assert _results(lending.build(warn_refused_share=0.5), "quarantine_stg_account", "few_refused")[0].status == "pass"
    with pytest.raises(SettingsError, match="max_refused_share: 2.0 is no share"):
        lending.build(max_refused_share=2)


def test_warnings_can_be_made_errors(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS, ("A2", "77", "1", "Savings")])
    with pytest.raises(
        ChecksFailed, match="1 check failed, so nothing was published:\n  int_account_without_customer: 1 row fails"
    ):
        lending.build(warn_error=True)
    assert not lending.database.exists()
    assert lending.build().status == "built"
    assert lc_ibis.test(database=lending.database, warn_error=True).status == "failed"


def _results(run: Run, table: str, check: str) -> list[CheckResult]:
    return [r for r in run.checks if (r.table, r.check.name) == (table, check)]


@pytest.mark.parametrize("backend", WIDELY)
def test_every_check_notices_what_it_guards_against(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "7", "Checking"), ("A3", "9", "1", "Savings")])
    _all_notice(lending)


def test_every_check_notices_it_in_an_empty_table_too(lending: Lending) -> None:
    lending.load([ALICE], [("A2", "1", "7", "Checking")])
    _all_notice(lending)


def _all_notice(lending: Lending) -> None:
    results = lc_ibis.mutate(**lending.options)
    assert [f"{r.table}.{r.check.name}" for r in results if not r.has_noticed] == []
    assert len(results) == sum(len(model.checks) for model in pipeline) >= 100


def test_a_check_notices_what_others_do_not(lending: Lending) -> None:
    """Where another check of the table notices too, the two rules share a meaning."""
    lending.load([ALICE], [SAVINGS])
    alone = {f"{r.table}.{r.check.name}" for r in lc_ibis.mutate(**lending.options) if not r.also}
    assert {
        "stg_account.accepted_values_account_type", "stg_account.unique_account_id", "account_summary.unique_account_id",
        "account_summary.new_balance_is_the_sum", "account_summary.every_savings_account",
        "customer_profile.unique_customer_id", "quarantine_stg_account.few_refused",
        "snap_account.valid_date_range_dbt_valid_from_dbt_valid_to", "ledger.received_is_accepted_and_refused",
    } <= alone  # fmt: skip


def test_a_check_that_cannot_fail_is_found(lending: Lending) -> None:
    """As one that compares 'Savings' with lowered text."""
    idle = expression_is_true(
        "savings_are_positive", "Savings are positive.",
        lambda t: (t.account_type != "Savings") | (t.balance_amount > 0),
        spoilt=lambda row: {"account_type": "savings", "balance_amount": -1},
    )  # fmt: skip
    lending.load([ALICE], [SAVINGS])
    staged = pipeline["stg_account"]
    model = Model(staged.function, Incremental(), staged.contract, "staging", [*staged.checks, idle])
    models = [model if m.name == "stg_account" else m for m in pipeline]
    settings = Settings.load(**lending.places())
    run_pipeline(Pipeline(models, pipeline.outputs), settings)
    with Warehouse(Pipeline(models), settings) as warehouse:
        asleep = [result.check.name for result in mutated(warehouse, ["stg_account"]) if not result.has_noticed]
    assert asleep == ["savings_are_positive"]


def test_a_check_of_some_rows_is_tried_on_one_of_them(lending: Lending) -> None:
    staged = pipeline["stg_account"]
    few = positive_value("balance_amount").but(where=lambda t: t.account_type == "checking")
    none = accepted_range("balance_amount", 0, 1).but(where=lambda t: t.account_id == "Z9")
    model = Model(staged.function, Incremental(), staged.contract, "staging", [few, none])
    lending.load([ALICE], [SAVINGS, ("A9", "1", "5", "Checking")])
    models = [model if m.name == "stg_account" else m for m in pipeline]
    with Warehouse(Pipeline(models), Settings.load(**lending.places())) as warehouse:
        found = {r.check.name: (r.has_noticed, r.reason) for r in mutated(warehouse, ["stg_account"])}
    assert found == {
        "positive_value_balance_amount": (True, ""),
        "accepted_range_balance_amount": (False, "the table has no row that it looks at"),
    }


@pytest.mark.parametrize("backend", WIDELY)
def test_refusals_are_remembered(lending: Lending) -> None:
    refused = {"max_refused_share": 1}
    first = lending.load(
        [ALICE],
        [
            SAVINGS,
            ("A2", "1", "abc", "Savings"),
            ("A3", "1", "-1", "Savings"),
            ("A3", "1", "-1", "Savings"),
            ("", "o'x", None, "?"),
        ],
        **refused,
    )
    second = lending.load(accounts=[SAVINGS, ("A2", "1", "2", "Savings"), ("A3", "1", "-1", "Savings")], **refused)
    third = lending.load(accounts=[SAVINGS, ("A2", "1", "abc", "Savings"), ("A3", "1", "-1", "Savings")], **refused)
    rows = lc_ibis.quarantine("account", **lending.options)
    assert [(row["refused_since_at"], row["came_back_count"]) for row in rows] == [
        (third.run_at, 1), (first.run_at, 0), (first.run_at, 0)
    ], "since when it is open, not when it was first seen"  # fmt: skip
    assert [(row["received_id"], row["refused_count"], row["first_seen_at"], row["resolved_at"]) for row in rows] == [
        ("A2", 1, first.run_at, None), ("A3", 1, first.run_at, None), (None, 1, first.run_at, second.run_at)
    ]  # fmt: skip
    assert rows[2]["received_text"] == "AccountID=null, CustomerID='o''x', Balance=null, AccountType='?'"
    assert rows[0]["failure_reason"] == "balance is not a plain decimal: 'abc'"
    assert lc_ibis.quarantine(reason="NEGATIVE", limit=5, **lending.options) == [rows[1]]
    assert lc_ibis.quarantine("customer", **lending.options) == []
    assert lc_ibis.quarantine_reasons(**lending.options) == [
        {
            "source_name": "account",
            "reason": "balance is negative",
            "open_count": 1,
            "resolved_count": 0,
            "first_seen_at": first.run_at,
        },
        {
            "source_name": "account",
            "reason": "balance is not a plain decimal",
            "open_count": 1,
            "resolved_count": 0,
            "first_seen_at": first.run_at,
        },
        {
            "source_name": "account",
            "reason": "account_id is blank",
            "open_count": 0,
            "resolved_count": 1,
            "first_seen_at": first.run_at,
        },
    ]
    then = lending.rows("snap_refusal", "received_id", "refused_count", as_of=second.run_at)
    assert sorted(then, key=str) == [("A2", 1), ("A3", 1), ("A3", 2), (None, 1)]


def test_all_refusals_may_be_mended_at_once(lending: Lending) -> None:
    """That is no truncated extract."""
    lending.deliver([ALICE], _spoilt(40))
    lending.build()
    lending.deliver(accounts=GOOD)
    lending.build()
    assert lending.rows("quarantine_stg_account") == []


def test_what_the_commands_print(lending: Lending) -> None:
    database = ["--database", str(lending.database)]

    def said(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, [*words, *database])
        assert result.exit_code == code, result.output
        return result.output

    for lending.inputs in DAYS.values():
        lending.build()
    assert "account      balance is not a plain decimal" in said("quarantine")
    assert "A018" not in said("quarantine", "customer")
    table = said("quarantine", "--csv").splitlines()
    assert table[0].startswith("source_name,received_id,reason,failure_reason")
    assert len(table) == 1 + len(lc_ibis.quarantine(database=lending.database))
    assert json.loads(said("quarantine", "--json", "--limit", "3"))["rows"][2]["resolved_at"] is None
    assert "there is no source 'acount'. Did you mean account?" in said("quarantine", "acount", code=2)

    assert "every_customer_is_current\n" in said("show", "int_account_without_customer", "--failing")
    assert said("show", "stg_account", "--failing") == "stg_account: no row fails a check.\n"
    assert "Remove --as-of" in said("show", "stg_account", "--failing", "--as-of", "2026-01-01", code=2)
    assert f"awake: {sum(len(m.checks) for m in pipeline)} checks." in said("test", "--mutate")
    assert {"check", "table", "has_noticed", "also"} == set(json.loads(said("test", "--mutate", "--json"))[0])
    assert "FAIL int_account_without_customer" in said("test", "--warn-error", code=1)


def test_rows_that_were_broken_by_hand_are_shown(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with duckdb.connect(str(lending.database)) as con:
        con.execute("UPDATE marts.account_summary SET annual_interest_amount = -9")
    found = lc_ibis.failing("account_summary", database=lending.database)
    assert set(found) == {
        "positive_value_annual_interest_amount",
        "interest_is_balance_times_rate",
        "new_balance_is_the_sum",
    }
    assert [row["account_id"] for row in found["new_balance_is_the_sum"]] == ["A1"]
