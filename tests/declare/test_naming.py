"""Names follow the conventions, and one that does not is found where it stands."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, get_args

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api import code
from lc_ibis.cli import main
from lc_ibis.declare import naming
from lc_ibis.declare.contracts import Column, Contract, Flag, Integer, Moment, Text, column, key
from lc_ibis.declare.models import Ephemeral, Incremental, Model, Snapshot, TimestampStrategy
from lc_ibis.declare.naming import Breach, breaches
from lc_ibis.layers.columns import ABBREVIATIONS, Money, Rate

Day = Annotated[Any, dt.date]


class Right(Contract):
    """One row per thing; every name is right."""

    thing_id: Text = key("A key, of any type.")
    other_id: Integer = column("A number.")
    note: Text = column("A text.")
    seen_at: Moment = column("A time.")
    due_date: Day = column("A date.")
    active_flag: Flag = column("Yes or no.")
    balance_amount: Money = column("Money.")
    interest_rate_pct: Rate = column("A fraction.")
    rows_count: Integer = column("A number.")
    dbt_valid_from: Moment = column("As dbt calls it.")


def _model(name: str, layer: str, contract: type[Contract] = Right, kind: Any = None) -> Model:
    def function(src: ir.Table) -> ir.Table:
        return src

    function.__name__ = name
    return Model(function, kind or Incremental(), contract, layer)


def _reasons(*models: Model) -> list[tuple[str, str]]:
    return [(breach.name, breach.reason) for breach in breaches(models, ABBREVIATIONS)]


def test_the_layers_follow_the_conventions() -> None:
    assert lc_ibis.lint() == []


@pytest.mark.parametrize(
    ("name", "layer"),
    [("src_a", "source"), ("stg_a", "staging"), ("quarantine_stg_a", "staging"), ("snap_a", "snapshots"), ("int_a", "intermediate"), ("a_summary", "marts")],
)  # fmt: skip
def test_a_right_name_passes(name: str, layer: str) -> None:
    assert _reasons(_model(name, layer)) == []


@pytest.mark.parametrize(
    ("name", "layer", "reason"),
    [
        ("account", "source", "a stored table of source begins with src_"),
        ("account", "staging", "a stored table of staging begins with stg_ or quarantine_stg_"),
        ("stg_account", "intermediate", "a stored table of intermediate begins with int_"),
        ("int_account", "marts", "it begins as a table of another layer than marts"),
        ("acct_summary", "marts", "acct is an abbreviation: write account"),
        ("AccountSummary", "marts", "a name is written in snake_case"),
    ],
)
def test_a_wrong_table_is_named(name: str, layer: str, reason: str) -> None:
    [(found, why)] = _reasons(_model(name, layer))
    assert (found, why.startswith(reason)) == (name, True)


def test_steps_that_are_not_stored_need_no_prefix() -> None:
    assert _reasons(_model("account_cleaned", "staging", kind=Ephemeral())) == []
    assert _reasons(_model("account", "snapshots", kind=Snapshot(TimestampStrategy("seen_at")))) != []


@pytest.mark.parametrize(
    ("name", "type_", "reason"),
    [
        ("seen", Moment, "a time ends with _at"),
        ("due_at", Day, "a date ends with _date"),
        ("is_active", Flag, "a yes or no ends with _flag"),
        ("balance", Money, "an amount of money, decimal(18,2) ends with _amount"),
        ("rate_amount", Rate, "a fraction, any other decimal ends with _pct"),
        ("total", Integer, "a whole number ends with _id or _count"),
        ("seen_at", Text, "_at is for a time, and this is "),
        ("rows_count", Text, "_count is for a whole number, and this is "),
        ("cust_id", Integer, "cust is an abbreviation: write customer"),
        ("Note", Text, "a name is written in snake_case"),
        ("the__note", Text, "a name is written in snake_case"),
    ],
)
def test_a_wrong_column_is_named(name: str, type_: Any, reason: str) -> None:
    wrong = Column("Something.", name=name, declared=get_args(type_)[1])
    why = naming._column_reason(wrong, ABBREVIATIONS)
    assert why is not None
    assert why.startswith(reason)


class Misnamed(Contract):
    """One row per thing."""

    thing_id: Text = key("A key.")
    tot_amount: Money = column("Money.")


def test_file_and_line_are_those_of_the_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [_model("thing", "marts", Misnamed), _model("other", "marts", type("Heir", (Misnamed,), {}))]
    found = list(breaches(models, ABBREVIATIONS))
    with open(__file__, encoding="utf-8") as file:
        line = next(n for n, text in enumerate(file, start=1) if text.startswith("    tot_amount"))
    assert found == [
        Breach("declare/test_naming.py", line, "Misnamed.tot_amount", "tot is an abbreviation: write total")
    ]

    monkeypatch.setattr(code, "lint", lambda **_: found)
    result = CliRunner().invoke(main, ["lint"])
    assert result.exit_code == 1
    assert f"declare/test_naming.py:{line}: Misnamed.tot_amount: tot is an abbreviation: write total\n" in result.output
    assert json.loads(CliRunner().invoke(main, ["lint", "--json"]).output)[0]["line"] == line


def test_the_command_says_that_all_is_well() -> None:
    result = CliRunner().invoke(main, ["lint"])
    assert (result.exit_code, result.output) == (0, "All names follow the conventions.\n")


def test_a_decimal_of_money_may_be_null() -> None:
    class Loose(Contract):
        """One row per thing."""

        paid_amount: Money | None = column("Money.")
        paid_pct: Annotated[Decimal, dt.Decimal(9, 6)] | None = column("A fraction.")

    assert _reasons(_model("thing", "marts", Loose)) == []
