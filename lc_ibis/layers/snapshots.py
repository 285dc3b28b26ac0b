"""The whole history of every customer, account and refused row, as SCD2 versions with dbt's columns."""

import ibis.expr.types as ir

from lc_ibis.declare import (
    CheckStrategy,
    Contract,
    Snapshot,
    TimestampStrategy,
    Versions,
    column,
    key,
    model,
    positive_value,
    scd2_no_overlap,
    unique,
    valid_date_range,
)
from lc_ibis.layers.columns import Integer, Text
from lc_ibis.layers.staging import StgAccount, StgCustomer


class SnapCustomer(Versions, StgCustomer):
    """One row per version of a customer."""


# A text that is read as the same customer is no new version: see decisions/0011.
@model(Snapshot(TimestampStrategy("loaded_at", ignore=("loaded_at",)), held="held_customer"), SnapCustomer)
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


class Refusal(Contract):
    """One row per refused text and reason."""

    refusal_id: Text = key("Id of the refusal: md5 of text and reason.")
    source_name: Text = column("customer or account.")
    received_id: Text | None = column("The customer's or account's number, as received.")
    received_text: Text = column("The whole row, as received.")
    failure_reason: Text = column("The first rule that the row breaks, with the value.")
    refused_count: Integer = column("Number of such rows.")


class SnapRefusal(Versions, Refusal):
    """One row per version of a refusal; it is first seen at the first version's start, resolved at the last's end."""


# Refusals that are mended are no loss, however many.
@model(Snapshot(CheckStrategy(), may_shrink=True), SnapRefusal)
def snap_refusal(refusal: ir.Table) -> ir.Table:
    return refusal.select(*Refusal.schema().names)


snap_refusal.check(
    unique("dbt_scd_id"),
    scd2_no_overlap(("refusal_id",)),
    valid_date_range("dbt_valid_from", "dbt_valid_to"),
    positive_value("refused_count"),
)
