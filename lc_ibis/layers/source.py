"""Extracts as received: all text, nothing judged."""

import ibis.expr.types as ir

from lc_ibis.declare import Contract, Source, from_extract, model, received_key, row_count, stamp
from lc_ibis.layers.columns import Moment, Text, account_number, customer_number


class SrcCustomer(Contract):
    """One row per row of the customer extract, as received."""

    customer_id: Text | None = received_key("CustomerID", "The customer's number.", customer_number)
    name: Text | None = from_extract("Name", "The customer's name.")
    has_loan: Text | None = from_extract("HasLoan", "Whether the customer has a loan: yes or no in many spellings.")
    loaded_at: Moment = stamp("The run that first received this text; it moves only when the text does.")


@model(Source(file="Customer"), SrcCustomer)
def src_customer(received: ir.Table) -> ir.Table:
    return received


src_customer.check(row_count(1))


class SrcAccount(Contract):
    """One row per row of the account extract, as received."""

    account_id: Text | None = received_key("AccountID", "The account's number.", account_number)
    customer_id: Text | None = from_extract("CustomerID", "The owner's number.")
    balance: Text | None = from_extract("Balance", "The balance, US dollars.")
    account_type: Text | None = from_extract("AccountType", "Savings or checking.")
    loaded_at: Moment = stamp("The run that first received this text; it moves only when the text does.")


@model(Source(file="accounts"), SrcAccount)
def src_account(received: ir.Table) -> ir.Table:
    return received


src_account.check(row_count(1))
