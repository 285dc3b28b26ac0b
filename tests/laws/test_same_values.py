"""Laws 2 and 4 (docs/laws.md): what is no change makes no version, be it a text that is read as the same values."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir
import pytest

import lc_ibis
from lc_ibis.api.build import run_pipeline
from lc_ibis.declare.models import Incremental, Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.layers import pipeline, staging
from lc_ibis.settings import Settings
from tests.conftest import ACCOUNT, CUSTOMER, LONG, WIDELY, Lending, change_rules, write_csv
from tests.engine.test_deltas import DELTAS

LEE = ("1", "Ann Lee", "Yes")
SAME = [("1", "ann lee ", "Yes"), (" 01", "Ann Lee", "yes"), ("+1", "ANN LEE\t", "TRUE"), ("1", "Ann Lee", "1")]
MONEY = ("A1", "1", "5.0", "Savings")
SAME_MONEY = ("A1 ", "01", "5.00", "savings")


def kept(lending: Lending) -> dict[str, Any]:
    """Return the histories and all that is made from them."""
    layers = ("snapshots", "intermediate", "marts")
    wanted = [model.name for model in pipeline if model.layer in layers and model.is_stored]
    return {name: rows for name, rows in lending.contents().items() if name in wanted}


def verified(lending: Lending) -> set[str]:
    return {result.status for result in lc_ibis.verify(**{**lending.options, "database": lending.database})}


@pytest.mark.parametrize("backend", WIDELY)
def test_a_text_that_is_read_as_the_same_makes_no_version(lending: Lending) -> None:
    lending.load([LEE], [MONEY])
    before = kept(lending)
    second = lending.load([SAME[0]], [SAME_MONEY])
    assert kept(lending) == before
    assert lending.rows("stg_customer", "loaded_at") == [second.run_at], "the text is another"
    files = lending.files()
    assert lending.build(full_refresh=True).status == "unchanged"
    assert lending.files() == files
    third = lending.load([("1", "Ann Li", "Yes")])
    versions = lending.rows("snap_customer", "customer_name", "dbt_valid_from", "loaded_at")
    assert versions[1:] == [("ann li", third.run_at, third.run_at)]
    assert lending.rows("int_account_with_customer", "valid_from_at") == [third.run_at]
    assert verified(lending) == {"identical"}


@pytest.mark.parametrize("same", SAME)
def test_no_spelling_of_the_same_customer_is_a_version(lending: Lending, same: tuple[str, str, str]) -> None:
    lending.load([LEE], [MONEY])
    before = kept(lending)
    lending.load([same])
    assert kept(lending) == before
    events = lc_ibis.history("customer", "1", database=lending.database)
    assert [event.what for event in events] == ["first seen"]


@pytest.mark.parametrize("backend", LONG)
def test_a_delta_that_says_the_same_makes_no_version(lending: Lending) -> None:
    lending.load([LEE], [MONEY])
    before = kept(lending)
    write_csv(lending.inputs / "accounts-1.csv", (*ACCOUNT, "_op"), [(*SAME_MONEY, "upsert")])
    write_csv(lending.inputs / "customers-1.csv", (*CUSTOMER, "_op"), [(*SAME[2], "upsert")])
    assert lending.build(delivery="delta", source=DELTAS).status == "built"
    assert kept(lending) == before


def test_partial_builds_and_the_order_of_files_make_no_version(lending: Lending) -> None:
    lending.load([LEE], [MONEY])
    before = kept(lending)
    lending.load([SAME[0]], [SAME_MONEY], select=("source", "staging"))
    lending.build(select=("snapshots",))
    lending.build()
    assert kept(lending) == before
    (lending.inputs / "Customer.csv").unlink()
    for name, row in {"b": LEE, "a": SAME[1]}.items():
        write_csv(lending.inputs / "Customer" / f"{name}.csv", CUSTOMER, [row])
    lending.build()
    (lending.inputs / "Customer/a.csv").rename(lending.inputs / "Customer/c.csv")
    lending.build()
    assert kept(lending)["snap_customer"] == before["snap_customer"]
    assert kept(lending)["account_summary"] == before["account_summary"]


def test_a_change_after_a_text_of_no_change_is_a_version_though_it_waited(lending: Lending) -> None:
    """The row that is accepted at last was received after the version, however often its text changed meanwhile."""
    lending.load([LEE], [MONEY])
    lending.load([SAME[0], ("1", "Ann Li", "Yes")])
    lending.load([SAME[1], ("1", "Ann Li", "Yes")])
    last = lending.load([("1", "Ann Li", "Yes")])
    assert lending.rows("snap_customer", "customer_name", "dbt_valid_from")[1:] == [("ann li", last.run_at)]
    assert verified(lending) == {"identical"}


def read_as(shown: str) -> Pipeline:
    """Return the pipeline with another rule of cleaning: each name is followed by what is shown here."""

    def stg_customer(customer_cleaned: ir.Table, customer_repeated: ir.Table) -> ir.Table:
        rows = staging.stg_customer.function(customer_cleaned, customer_repeated)
        return rows.mutate(customer_name=rows.customer_name + shown)

    changed = Model(stg_customer, Incremental(), staging.StgCustomer, "staging")
    return Pipeline([changed if m.name == "stg_customer" else m for m in pipeline], pipeline.outputs)


@pytest.mark.parametrize("backend", WIDELY)
def test_a_text_that_is_read_otherwise_since_is_a_version(lending: Lending) -> None:
    """A rule of cleaning changes and the extract does not; twice, and back again."""
    first = lending.load([LEE, ("2", "Bo", "No")], [MONEY])
    runs = [run_pipeline(read_as(shown), Settings.load(**lending.places())) for shown in (" i", " ii")]
    last = lending.load()
    times = [run.run_at for run in (first, *runs, last)]
    columns = ("customer_name", "dbt_valid_from", "dbt_updated_at", "dbt_valid_to", "loaded_at")
    versions = [row for row in lending.rows("snap_customer", "customer_id", *columns) if row[0] == 1]
    names = ("ann lee", "ann lee i", "ann lee ii", "ann lee")
    ends = (*times[1:], None)
    assert [row[1:] for row in versions] == [
        (name, time, time, end, first.run_at) for name, time, end in zip(names, times, ends, strict=True)
    ]
    assert len(set(lending.rows("snap_customer", "dbt_scd_id"))) == 8
    assert lending.rows("int_account_with_customer", "customer_name") == ["ann lee"]
    assert lending.build().status == "unchanged"
    changed = lending.load([("1", "Ann Li", "Yes")])
    assert lending.rows("snap_customer", "customer_name", "dbt_updated_at")[4] == ("ann li", changed.run_at)
    assert verified(lending) == {"identical"}


def test_a_key_that_a_rule_refused_for_a_while_gets_a_version_of_its_own(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was there all the time, so that it is not received again when the rule is taken back."""
    lending.load([LEE, ("+2", "Bo", "No")], [MONEY])
    with monkeypatch.context() as patch:
        change_rules(patch, _WHOLE_NUMBER=r"\A[0-9]+\z")
        refusing = lending.build(full_refresh=True, allow_mass_delete=True)
    accepting = lending.build(full_refresh=True)
    versions = [row for row in lending.rows("snap_customer") if row["customer_id"] == 2]
    assert [row["dbt_valid_to"] for row in versions] == [refusing.run_at, None]
    assert versions[1]["dbt_valid_from"] == versions[1]["dbt_updated_at"] == accepting.run_at
    assert versions[0]["dbt_scd_id"] != versions[1]["dbt_scd_id"]
    assert verified(lending) == {"identical"}
