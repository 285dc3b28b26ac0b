"""What a notebook shows, and what would be if a model were another."""

from __future__ import annotations

from decimal import Decimal

import ibis.expr.types as ir
import pytest

import lc_ibis
from lc_ibis.errors import LcIbisError, ModelError, SelectionError
from lc_ibis.layers import marts
from tests.conftest import ALICE, WIDELY, Lending
from tests.reporting.test_page import HOSTILE

ACCOUNTS = [("A1", "1", "5000.00", "Savings"), ("A2", "1", "20000.00", "Savings")]


def flat_rate(int_savings_account_only: ir.Table) -> ir.Table:
    """Interest at 3 % for everybody."""
    made = marts.account_summary(int_savings_account_only)
    return made.mutate(
        interest_rate_pct=marts.rate(Decimal("0.03")),
        annual_interest_amount=marts.share(made.original_balance_amount, marts.rate(Decimal("0.03"))),
    )


flat_rate.__name__ = "account_summary"


def test_a_warehouse_shows_its_tables_and_what_they_are_made_from(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    with lc_ibis.connect(**lending.options) as warehouse:
        html = warehouse._repr_html_()
    assert "<svg" in html
    assert "account_summary</dt>" in html
    assert ">2 rows<" in html
    assert "://" not in html


def test_a_table_shows_what_a_row_is_its_key_and_its_first_rows(lending: Lending) -> None:
    lending.load([("1", HOSTILE, "Yes")], [*ACCOUNTS, *((f"B{n}", "1", "1.00", "Savings") for n in range(20))])
    with lc_ibis.connect(**lending.options) as warehouse:
        view = warehouse["account_summary"]
        assert repr(view) == "marts.account_summary: One row per savings account, with a year's interest. 22 rows"
        html = view._repr_html_()
        assert "22 rows; key account_id" in html
        assert "The first 10." in html
        assert 'title="Yearly rate as a fraction: 0.0150 is 1.5 %."' in html
        assert view.table.count().execute() == 22
        assert "<script>" not in warehouse["src_customer"]._repr_html_()
        with pytest.raises(SelectionError, match="Did you mean account_summary"):
            warehouse["account_sumary"]


@pytest.mark.parametrize("backend", WIDELY)
def test_what_would_be_is_computed_and_nothing_is_written(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    before = lending.contents()
    with lc_ibis.connect(**lending.options) as warehouse:
        tables = warehouse.what_if(flat_rate)
        interest = {
            row["account_id"]: row["annual_interest_amount"] for row in warehouse.store.rows(tables["account_summary"])
        }
        assert interest == {"A1": Decimal("150.00"), "A2": Decimal("600.00")}
        [profile] = warehouse.store.rows(tables["customer_profile"])
        assert profile["total_annual_interest_amount"] == Decimal("750.00"), "what follows from it follows"
        assert warehouse.store.count(tables["stg_account"]) == 2, "what does not is as it is"
    assert lending.contents() == before


def nonsense(int_savings_account_only: ir.Table, run_at: ir.TimestampScalar, no_such_table: ir.Table) -> ir.Table:
    return no_such_table


def stg_account(src_account: ir.Table) -> ir.Table:
    return src_account.rename(balance_amount="balance")


def test_what_cannot_be_supposed_is_refused(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    with lc_ibis.connect(**lending.options) as warehouse:
        with pytest.raises(SelectionError, match="snap_account, snap_refusal is downstream of it|snap_account is"):
            warehouse.what_if(stg_account)
        with pytest.raises(SelectionError, match="No table named 'nonsense'"):
            warehouse.what_if(nonsense)
        nonsense.__name__ = "account_summary"
        with pytest.raises(ModelError, match="parameter no_such_table is not a model"):
            warehouse.what_if(nonsense)
        assert issubclass(ModelError, LcIbisError)


def test_a_run_is_one_line_and_the_head_of_its_report(lending: Lending) -> None:
    run = lending.load([ALICE], [*ACCOUNTS, ("A3", "77", "1.00", "Savings")])
    assert repr(run).startswith("<Run 1 of 20")
    assert "built; 14 of 14 tables changed; 122 checks: 121 passed, 1 warned>" in repr(run)
    assert "\n" not in repr(run)
    html = run._repr_html_()
    assert "Published, with 1 warning" in html
    assert "121 passed, 1 warned; 14 of 14 tables changed" in html
    assert "int_account_without_customer, every_customer_is_current: 1 of 1 rows" in html
    assert len(html) < 3000


def test_a_test_that_fails_does_not_speak_of_publishing(lending: Lending) -> None:
    lending.load([ALICE], [*ACCOUNTS, ("A3", "77", "1.00", "Savings")])
    run = lc_ibis.test(**lending.options, warn_error=True)
    assert repr(run).endswith("failed; 122 checks: 121 passed, 1 failed>")
    html = run._repr_html_()
    assert "Failed checks: 1" in html
    assert "published" not in html


def test_a_view_has_what_its_ibis_table_has(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    with lc_ibis.connect(**lending.options) as warehouse:
        view = warehouse["account_summary"]
        few = view.filter(view.account_id == "A1").select("account_id", "original_balance_amount")
        assert isinstance(few, ir.Table)
        assert few.to_pyarrow().column("account_id").to_pylist() == ["A1"]
        assert view["original_balance_amount"].type().is_decimal()
        assert {"filter", "account_id", "table"} <= set(dir(view))
        with pytest.raises(AttributeError, match="filtre"):
            view.filtre()
        assert not hasattr(view, "_ipython_display_")


def test_a_warehouse_lists_the_names_of_its_tables(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS, select=("+stg_account",))
    with lc_ibis.connect(**lending.options) as warehouse:
        names = list(warehouse)
        assert names == ["src_account", "stg_account"]
        assert "account_summary" not in warehouse
        assert [warehouse[name].model.name for name in warehouse] == names
        assert repr(warehouse) == f"<Warehouse {lending.database}: {len(names)} tables, run 1>"
