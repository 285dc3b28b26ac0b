"""The extract of loans, as received."""

import ibis.expr.types as ir

from lc_ibis.declare import Contract, Source, from_extract, model, received_key, row_count, stamp
from lc_ibis.layers.columns import Moment, Text, account_number


class SrcLoan(Contract):
    """One row per row of the loan extract, as received."""

    loan_id: Text | None = received_key("LoanID", "The loan's number.", account_number)
    customer_id: Text | None = from_extract("CustomerID", "The borrower's number.")
    principal: Text | None = from_extract("Principal", "What is owed, US dollars.")
    yearly_rate: Text | None = from_extract("YearlyRate", "Interest a year, as a fraction.")
    loaded_at: Moment = stamp("The run that first received this text; it moves only when the text does.")


@model(Source(file="loans"), SrcLoan)
def src_loan(received: ir.Table) -> ir.Table:
    return received


src_loan.check(row_count(1))
