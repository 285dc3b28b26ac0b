"""The full history of every loan, and of every refused row of the loan extract."""

import ibis.expr.types as ir

from lc_ibis.declare import CheckStrategy, Snapshot, Versions, model, scd2_no_overlap, unique, valid_date_range
from lc_ibis.layers.snapshots import Refusal, SnapRefusal
from our_models.staging import StgLoan


class SnapLoan(Versions, StgLoan):
    """One row per version of a loan."""


@model(Snapshot(CheckStrategy(ignore=("loaded_at",)), held="held_loan"), SnapLoan)
def snap_loan(stg_loan: ir.Table) -> ir.Table:
    return stg_loan


snap_loan.check(
    unique("dbt_scd_id"),
    scd2_no_overlap(("loan_id",)),
    valid_date_range("dbt_valid_from", "dbt_valid_to"),
)


@model(Snapshot(CheckStrategy(), may_shrink=True), SnapRefusal)
def snap_loan_refusal(loan_refusal: ir.Table) -> ir.Table:
    return loan_refusal.select(*Refusal.schema().names)


snap_loan_refusal.check(unique("dbt_scd_id"), scd2_no_overlap(("refusal_id",)))
