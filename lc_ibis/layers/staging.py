"""Rows judged: each is accepted, typed and clean, or refused with the reason.

A row is refused for the first rule that it breaks. The rules look at one row at a time
(`…_cleaned`), then at the rows that share a key (`…_repeated`).
"""

import ibis
import ibis.expr.types as ir

from lc_ibis.declare import (
    Contract,
    Ephemeral,
    Incremental,
    accepted_values,
    column,
    expression_is_true,
    few_refused,
    key,
    model,
    positive_value,
    stamp,
)
from lc_ibis.layers.columns import (
    LARGEST_AMOUNT,
    Flag,
    Integer,
    Moment,
    Money,
    Text,
    account_number,
    customer_number,
    holds_invisible,
    is_below_zero,
    is_blank,
    is_plain_decimal,
    is_too_large,
    is_unseen,
    key_text,
    lowered,
    money,
    stripped,
    whole_number,
    word,
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
from lc_ibis.layers.source import SrcAccount, SrcCustomer

YES = ("yes", "y", "true", "1")
NO = ("no", "n", "false", "0", "none", "")
NO_BALANCE = ("", "null", "n/a", "none")
ACCOUNT_TYPES = ("savings", "checking")

# Customers ------------------------------------------------------------------------------------


class StgCustomer(Contract):
    """One row per accepted customer."""

    customer_id: Integer = key("The customer's number.")
    customer_name: Text = column("The name, stripped and lowered.")
    has_loan_flag: Flag = column("Whether the customer has a loan; blank counts as no.")
    loaded_at: Moment = column("The run that first received this row's text.")


class QuarantineStgCustomer(SrcCustomer):
    """One row per refused customer row, as received, with the reason."""

    loaded_at: Moment = column("The run that first received this text.")
    failure_reason: Text = column("The first rule that the row breaks, with the value.")
    refusal_id: Text = column("Id of the refusal: md5 of text and reason. Copies of a row share it.")
    quarantined_at: Moment = stamp("The run that refused the row.")


@model(Ephemeral())
def customer_cleaned(src_customer: ir.Table) -> ir.Table:
    """One row per received customer row: its text as received_…, its clean values, its failure_reason."""
    row = with_stripped(src_customer)
    return row.select(
        *as_received(row),
        customer_id=whole_number(row.customer_id),
        customer_name=lowered(row.name),
        has_loan_flag=word(row.has_loan).isin(YES),
        loaded_at=row.loaded_at,
        failure_reason=ibis.cases(
            (is_blank(row.customer_id), refusal_reason(row, "customer_id", "is blank")),
            (whole_number(row.customer_id).isnull(), refusal_reason(row, "customer_id", "is not an integer")),
            (is_unseen(row.name), refusal_reason(row, "name", "is blank")),
            (~word(row.has_loan).isin(YES + NO), refusal_reason(row, "has_loan", "is neither yes nor no")),
        ),
    )


@model(Ephemeral())
def customer_repeated(customer_cleaned: ir.Table) -> ir.Table:
    """One row per otherwise sound row whose customer_id comes more than once, settled."""
    return settled(customer_cleaned, "customer_id", ("customer_name", "has_loan_flag"))


@model(Incremental(), StgCustomer)
def stg_customer(customer_cleaned: ir.Table, customer_repeated: ir.Table) -> ir.Table:
    return accepted(customer_cleaned, customer_repeated, StgCustomer)


stg_customer.check(
    expression_is_true(
        "name_is_clean", "The name is stripped, lowered and not blank.",
        lambda t: (t.customer_name == word(stripped(t.customer_name))) & ~is_unseen(t.customer_name),
        spoilt=lambda row: {"customer_name": " Alice"},
    ),
)  # fmt: skip


@model(Incremental(), QuarantineStgCustomer)
def quarantine_stg_customer(customer_cleaned: ir.Table, customer_repeated: ir.Table) -> ir.Table:
    return refused(customer_cleaned, customer_repeated, QuarantineStgCustomer)


quarantine_stg_customer.check(few_refused("src_customer", why="failure_reason"))


@model(Ephemeral())
def held_customer(stg_customer: ir.Table, quarantine_stg_customer: ir.Table) -> ir.Table:
    """One row per customer that is present but refused."""
    refused = quarantine_stg_customer.select(customer_id=customer_number(quarantine_stg_customer.customer_id))
    return refused.filter(refused.customer_id.notnull()).distinct().anti_join(stg_customer, "customer_id")


# Accounts -------------------------------------------------------------------------------------


class StgAccount(Contract):
    """One row per accepted account."""

    account_id: Text = key("The account's number, stripped, its case kept.")
    customer_id: Integer = column("The owner's number.")
    balance_amount: Money = column("The balance, US dollars.")
    account_type: Text = column("savings or checking.")
    loaded_at: Moment = column("The run that first received this row's text.")


class QuarantineStgAccount(SrcAccount):
    """One row per refused account row, as received, with the reason."""

    loaded_at: Moment = column("The run that first received this text.")
    failure_reason: Text = column("The first rule that the row breaks, with the value.")
    refusal_id: Text = column("Id of the refusal: md5 of text and reason. Copies of a row share it.")
    quarantined_at: Moment = stamp("The run that refused the row.")


@model(Ephemeral())
def account_cleaned(src_account: ir.Table) -> ir.Table:
    """One row per received account row: its text as received_…, its clean values, its failure_reason."""
    row = with_stripped(src_account)
    return row.select(
        *as_received(row),
        account_id=key_text(row.account_id),
        customer_id=whole_number(row.customer_id),
        balance_amount=money(row.balance),
        account_type=word(row.account_type),
        loaded_at=row.loaded_at,
        failure_reason=ibis.cases(
            (is_blank(row.account_id), refusal_reason(row, "account_id", "is blank")),
            (holds_invisible(row.account_id), invisible_reason(row, "account_id")),
            (is_blank(row.customer_id), refusal_reason(row, "customer_id", "is blank")),
            (whole_number(row.customer_id).isnull(), refusal_reason(row, "customer_id", "is not an integer")),
            (word(row.balance).isin(NO_BALANCE), refusal_reason(row, "balance", "is blank")),
            (~is_plain_decimal(row.balance), refusal_reason(row, "balance", "is not a plain decimal")),
            (money(row.balance).isnull(), refusal_reason(row, "balance", "does not fit decimal(18,2)")),
            (is_below_zero(row.balance), refusal_reason(row, "balance", "is negative")),
            (is_too_large(row.balance), refusal_reason(row, "balance", f"is more than {LARGEST_AMOUNT}")),
            (is_blank(row.account_type), refusal_reason(row, "account_type", "is blank")),
            (
                ~word(row.account_type).isin(ACCOUNT_TYPES),
                refusal_reason(row, "account_type", "is neither savings nor checking"),
            ),
        ),
    )


@model(Ephemeral())
def account_repeated(account_cleaned: ir.Table) -> ir.Table:
    """One row per otherwise sound row whose account_id comes more than once, settled."""
    return settled(account_cleaned, "account_id", ("customer_id", "balance_amount", "account_type"))


@model(Incremental(), StgAccount)
def stg_account(account_cleaned: ir.Table, account_repeated: ir.Table) -> ir.Table:
    return accepted(account_cleaned, account_repeated, StgAccount)


stg_account.check(
    accepted_values("account_type", ACCOUNT_TYPES),
    positive_value("balance_amount", zero=True),
    expression_is_true(
        "account_id_is_clean", "The number is stripped, not empty, and all of it can be seen.",
        lambda t: (t.account_id == account_number(t.account_id)).fill_null(False),
        spoilt=lambda row: {"account_id": ""},
    ),
)  # fmt: skip


@model(Incremental(), QuarantineStgAccount)
def quarantine_stg_account(account_cleaned: ir.Table, account_repeated: ir.Table) -> ir.Table:
    return refused(account_cleaned, account_repeated, QuarantineStgAccount)


quarantine_stg_account.check(few_refused("src_account", why="failure_reason"))


@model(Ephemeral())
def held_account(stg_account: ir.Table, quarantine_stg_account: ir.Table) -> ir.Table:
    """One row per account that is present but refused."""
    refused = quarantine_stg_account.select(account_id=account_number(quarantine_stg_account.account_id))
    return refused.filter(refused.account_id.notnull()).distinct().anti_join(stg_account, "account_id")


# Both -----------------------------------------------------------------------------------------


@model(Ephemeral())
def refusal(quarantine_stg_customer: ir.Table, quarantine_stg_account: ir.Table) -> ir.Table:
    """One row per refused text and reason: source_name, the received id and text, failure_reason, refused_count."""
    customers = refusals("customer", quarantine_stg_customer, SrcCustomer)
    return customers.union(refusals("account", quarantine_stg_account, SrcAccount))
