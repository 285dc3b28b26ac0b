"""Each received loan row is accepted, typed and clean, or refused with the reason."""

from decimal import Decimal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.declare import (
    Contract,
    Ephemeral,
    Incremental,
    accepted_range,
    column,
    few_refused,
    key,
    model,
    positive_value,
    stamp,
)
from lc_ibis.layers.columns import (
    LARGEST_AMOUNT,
    Integer,
    Moment,
    Money,
    Rate,
    Text,
    account_number,
    holds_invisible,
    is_below_zero,
    is_blank,
    is_plain_decimal,
    is_too_large,
    key_text,
    money,
    whole_number,
)
from lc_ibis.layers.judging import (
    accepted,
    as_received,
    invisible_reason,
    refusal_reason,
    refusals,
    refused,
    settled,
    with_stripped,
)
from our_models.source import SrcLoan

HIGHEST_RATE = Decimal(1)


class StgLoan(Contract):
    """One row per accepted loan."""

    loan_id: Text = key("The loan's number, stripped, its case kept.")
    customer_id: Integer = column("The borrower's number.")
    principal_amount: Money = column("What is owed, US dollars.")
    yearly_rate_pct: Rate = column("Interest a year as a fraction: 0.0550 is 5.5 %.")
    loaded_at: Moment = column("The run that first received this row's text.")


class QuarantineStgLoan(SrcLoan):
    """One row per refused loan row, as received, with the reason."""

    loaded_at: Moment = column("The run that first received this text.")
    failure_reason: Text = column("The first rule that the row breaks, with the value.")
    refusal_id: Text = column("Id of the refusal: md5 of text and reason. Copies of a row share it.")
    quarantined_at: Moment = stamp("The run that refused the row.")


@model(Ephemeral())
def loan_cleaned(src_loan: ir.Table) -> ir.Table:
    """One row per received loan row: its text as received_…, its clean values, its failure_reason."""
    row = with_stripped(src_loan)
    return row.select(
        *as_received(row),
        loan_id=key_text(row.loan_id),
        customer_id=whole_number(row.customer_id),
        principal_amount=money(row.principal),
        yearly_rate_pct=_fraction(row.yearly_rate),
        loaded_at=row.loaded_at,
        failure_reason=ibis.cases(
            (is_blank(row.loan_id), refusal_reason(row, "loan_id", "is blank")),
            (holds_invisible(row.loan_id), invisible_reason(row, "loan_id")),
            (whole_number(row.customer_id).isnull(), refusal_reason(row, "customer_id", "is not an integer")),
            (money(row.principal).isnull(), refusal_reason(row, "principal", "is not an amount of money")),
            (is_below_zero(row.principal), refusal_reason(row, "principal", "is negative")),
            (is_too_large(row.principal), refusal_reason(row, "principal", f"is more than {LARGEST_AMOUNT}")),
            (_fraction(row.yearly_rate).isnull(), refusal_reason(row, "yearly_rate", "is not a fraction")),
            (
                ~_fraction(row.yearly_rate).between(0, HIGHEST_RATE),
                refusal_reason(row, "yearly_rate", "is not from 0 to 1"),
            ),
        ),
    )


def _fraction(bare: ir.StringValue) -> ir.DecimalValue:
    return ibis.ifelse(is_plain_decimal(bare), bare, ibis.null("string")).try_cast(dt.Decimal(5, 4))


@model(Ephemeral())
def loan_repeated(loan_cleaned: ir.Table) -> ir.Table:
    """One row per otherwise sound row whose loan_id comes more than once, settled."""
    return settled(loan_cleaned, "loan_id", ("customer_id", "principal_amount", "yearly_rate_pct"))


@model(Incremental(), StgLoan)
def stg_loan(loan_cleaned: ir.Table, loan_repeated: ir.Table) -> ir.Table:
    return accepted(loan_cleaned, loan_repeated, StgLoan)


stg_loan.check(
    positive_value("principal_amount", zero=True),
    accepted_range("yearly_rate_pct", 0, HIGHEST_RATE),
)


@model(Incremental(), QuarantineStgLoan)
def quarantine_stg_loan(loan_cleaned: ir.Table, loan_repeated: ir.Table) -> ir.Table:
    return refused(loan_cleaned, loan_repeated, QuarantineStgLoan)


quarantine_stg_loan.check(few_refused("src_loan", why="failure_reason"))


@model(Ephemeral())
def held_loan(stg_loan: ir.Table, quarantine_stg_loan: ir.Table) -> ir.Table:
    """One row per loan that is present but refused: its last good version stays current."""
    keys = quarantine_stg_loan.select(loan_id=account_number(quarantine_stg_loan.loan_id))
    return keys.filter(keys.loan_id.notnull()).distinct().anti_join(stg_loan, "loan_id")


@model(Ephemeral())
def loan_refusal(quarantine_stg_loan: ir.Table) -> ir.Table:
    """One row per refused text and reason."""
    return refusals("loan", quarantine_stg_loan, SrcLoan)
