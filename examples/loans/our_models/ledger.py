"""The account of every loan received."""

import ibis.expr.types as ir

from lc_ibis.declare import Ephemeral, model
from lc_ibis.layers.ledger import BALANCED, counted


@model(Ephemeral())
def loan_ledger(
    src_loan: ir.Table, stg_loan: ir.Table, quarantine_stg_loan: ir.Table, held_loan: ir.Table, snap_loan: ir.Table
) -> ir.Table:
    """One row, every row of the loan extract accounted for."""
    return counted("loan", src_loan, stg_loan, quarantine_stg_loan, held_loan, snap_loan)


loan_ledger.check(*BALANCED)
