"""Checks of others: what is found on the rows that changed is what is found on all rows, whatever a rule looks at."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir
import pytest

from lc_ibis.api.build import run_pipeline
from lc_ibis.api.test import checked
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.declare.checks import Check, repeating
from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.declare.models import Incremental, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import ModelError
from lc_ibis.layers import pipeline
from lc_ibis.settings import Settings
from tests.conftest import Lending
from tests.engine.test_incremental import ANN, BEN

pytestmark = pytest.mark.usefixtures("as_if_large")


class Mine(Contract):
    """One row per account."""

    account_id: Text = key("The account.")
    customer_id: Integer = column("Its owner.")
    second: Integer | None = column("Its owner, if it is another than 2.")


def mine(stg_account: ir.Table) -> ir.Table:
    return stg_account.select("account_id", "customer_id", second=stg_account.customer_id.nullif(2))


def rule(name: str, **rules: Any) -> Check:
    return Check(name, ("account_id",), "Something holds.", repeating, severity="warn", **rules)


def _crowded(table: ir.Table, _: Any) -> ir.Table:
    """Owners of more than two accounts; a row of the same owner that did not change counts too."""
    return table.mutate(n=table.count().over(group_by="customer_id")).filter(lambda t: t.n > 2).drop("n")


def _above_others(table: ir.Table, tables: Any) -> ir.Table:
    """Accounts of an owner below another owner: rows of other keys, joined on something else."""
    others = tables["stg_customer"].select(other="customer_id")
    return table.inner_join(others, table.customer_id < others.other).select("account_id", "customer_id")


def _crowded_nulls(table: ir.Table, _: Any) -> ir.Table:
    """Null is a value to groups, and so it is where changed ones are looked up."""
    return table.mutate(n=table.count().over(group_by="second")).filter(lambda t: t.n > 2).drop("n")


RULES = [
    rule("null_by", failing=_crowded_nulls, by=("second",)),
    rule("window", breaks=lambda t: t.account_id.count().over(group_by="customer_id") > 2),
    rule("whole", breaks=lambda t: t.customer_id == t.customer_id.max()),
    rule("where", where=lambda t: t.customer_id.count().over(group_by="customer_id") > 2,
         breaks=lambda t: t.customer_id.notnull()),
    rule("row", breaks=lambda t: t.customer_id == 1),
    rule("by_lies", failing=_crowded, by=("account_id",)),
    rule("by_holds", failing=_crowded, by=("customer_id",)),
    rule("others", failing=_above_others, needs=("stg_customer",), by=("account_id",)),
    rule("ephemeral", failing=lambda t, tables: t.semi_join(tables["held_customer"], "customer_id"),
         needs=("held_customer",), by=("customer_id",)),
]  # fmt: skip
SCOPES = {
    "null_by": "touched keys", "window": "all rows", "whole": "all rows", "where": "all rows", "row": "changed rows", "by_lies": "all rows",
    "by_holds": "touched keys", "others": "all rows", "ephemeral": "nothing",
}  # fmt: skip
DAYS: list[tuple[list[Any], list[Any]]] = [
    ([ANN], [("A0", "1", "1.00", "Savings")]),
    ([ANN, BEN], [("A1", "2", "1.00", "Savings"), ("A2", "2", "1.00", "Savings")]),
    ([ANN, BEN], [("A1", "2", "1.00", "Savings"), ("A2", "2", "1.00", "Savings"), ("A3", "2", "1.00", "Savings")]),
    (
        [ANN, ("2", "", "No")],
        [("A1", "2", "1.00", "Savings"), ("A2", "2", "1.00", "Savings"), ("A3", "1", "1.00", "Savings")],
    ),
    ([ANN, BEN, ("3", "Cy", "No")], [("A1", "2", "1.00", "Savings"), ("A2", "3", "1.00", "Savings")]),
]


def extended(*checks: Check) -> Pipeline:
    made = model(Incremental(), Mine)(mine)
    made.layer = "marts"
    made.check(*checks)
    return Pipeline([*pipeline, made])


def test_a_rule_finds_on_changed_rows_what_it_finds_on_all(lending: Lending) -> None:
    more, settings = extended(*RULES), Settings.load(**lending.places(), allow_mass_delete=True)
    scopes: dict[str, set[str]] = {}
    for customers, accounts in DAYS:
        lending.deliver(customers, accounts)
        run = run_pipeline(more, settings)
        built = {found.check.name: found.failing_count for found in run.checks if found.table == "mine"}
        with Warehouse(more, settings) as warehouse:
            whole = {found.check.name: found.failing_count for found in checked(warehouse, ["mine"]).checks}
        assert built == whole
        for found in run.checks:
            if found.table == "mine":
                scopes.setdefault(found.check.name, set()).add(found.scope)
    for name, scope in SCOPES.items():
        assert scope in scopes[name], (name, scopes[name])
        assert scope != "all rows" or not scopes[name] & {"changed rows", "touched keys"}, (name, scopes[name])


def test_a_check_names_what_it_reads(lending: Lending) -> None:
    """What it does not name could change without its being run."""
    lending.deliver(*DAYS[0])
    more = extended(rule("silent", failing=lambda t, tables: t.anti_join(tables["stg_customer"], "customer_id")))
    with pytest.raises(ModelError, match=r"check silent reads stg_customer without .* Add it to needs"):
        run_pipeline(more, Settings.load(**lending.places()))
