"""The whole history of every customer and account, as SCD2 versions with dbt's columns."""

import ibis.expr.types as ir

from lc_ibis.engine.checks import scd2_no_overlap, unique, valid_date_range
from lc_ibis.engine.model import CheckStrategy, Snapshot, TimestampStrategy, model
from lc_ibis.engine.scd2 import Versions
from lc_ibis.layers.staging import StgAccount, StgCustomer


class SnapCustomer(Versions, StgCustomer):
    """One row per version of a customer."""


@model(Snapshot(TimestampStrategy("loaded_at"), held="held_customer"), SnapCustomer)
def snap_customer(stg_customer: ir.Table) -> ir.Table:
    return stg_customer


snap_customer.check(
    unique("dbt_scd_id"),
    scd2_no_overlap(("customer_id",)),
    valid_date_range("dbt_valid_from", "dbt_valid_to"),
)


class SnapAccount(Versions, StgAccount):
    """One row per version of an account."""


@model(Snapshot(CheckStrategy(ignore=("loaded_at",)), held="held_account"), SnapAccount)
def snap_account(stg_account: ir.Table) -> ir.Table:
    return stg_account


snap_account.check(
    unique("dbt_scd_id"),
    scd2_no_overlap(("account_id",)),
    valid_date_range("dbt_valid_from", "dbt_valid_to"),
)
