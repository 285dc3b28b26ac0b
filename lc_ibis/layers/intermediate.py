"""Current accounts with their customers."""

import ibis
import ibis.expr.types as ir

from lc_ibis.declare import (
    Contract,
    Incremental,
    accepted_values,
    column,
    current,
    key,
    model,
    no_rows,
    positive_value,
    relationships,
    same_rows,
)
from lc_ibis.layers.columns import Flag, Integer, Moment, Money, Text
from lc_ibis.layers.staging import ACCOUNT_TYPES


class IntAccountWithCustomer(Contract):
    """One row per current account whose customer is current."""

    account_id: Text = key("The account's number.")
    customer_id: Integer = column("The owner's number.")
    balance_amount: Money = column("The balance, US dollars.")
    account_type: Text = column("savings or checking.")
    customer_name: Text = column("The owner's name.")
    has_loan_flag: Flag = column("Whether the owner has a loan.")
    valid_from_at: Moment = column("Since when account and owner are as they are.")
    valid_to_at: Moment | None = column("Until when; null, as both are current.")


@model(Incremental(), IntAccountWithCustomer)
def int_account_with_customer(snap_account: ir.Table, snap_customer: ir.Table) -> ir.Table:
    account, customer = current(snap_account), current(snap_customer)
    both = account.inner_join(customer, "customer_id", rname="owner_{name}")
    return both.select(
        "account_id",
        "customer_id",
        "balance_amount",
        "account_type",
        "customer_name",
        "has_loan_flag",
        # The later of both, so that a customer's change alone also travels.
        valid_from_at=ibis.greatest(both.dbt_valid_from, both.owner_dbt_valid_from),
        valid_to_at=both.dbt_valid_to,
    )


int_account_with_customer.check(
    accepted_values("account_type", ACCOUNT_TYPES),
    positive_value("balance_amount", zero=True),
    relationships("account_id", "snap_account", where=lambda t: t.dbt_valid_to.isnull()),
    relationships("customer_id", "snap_customer", where=lambda t: t.dbt_valid_to.isnull()),
)


class IntAccountWithoutCustomer(Contract):
    """One row per current account that has no current customer, and so is in no mart."""

    account_id: Text = key("The account's number.")
    customer_id: Integer = column("The number of the owner who is missing.")
    balance_amount: Money = column("The balance, US dollars.")
    account_type: Text = column("savings or checking.")


@model(Incremental(), IntAccountWithoutCustomer)
def int_account_without_customer(snap_account: ir.Table, snap_customer: ir.Table) -> ir.Table:
    orphans = current(snap_account).anti_join(current(snap_customer), "customer_id")
    return orphans.select("account_id", "customer_id", "balance_amount", "account_type")


# Refused or missing owners leave accounts out of the marts: a person should know.
int_account_without_customer.check(
    no_rows("every_customer_is_current", "Every account's customer is current.").but(severity="warn")
)


class IntSavingsAccountOnly(Contract):
    """One row per savings account of int_account_with_customer."""

    account_id: Text = key("The account's number.")
    customer_id: Integer = column("The owner's number.")
    balance_amount: Money = column("The balance, US dollars.")
    customer_name: Text = column("The owner's name.")
    has_loan_flag: Flag = column("Whether the owner has a loan.")
    valid_from_at: Moment = column("Since when account and owner are as they are.")
    valid_to_at: Moment | None = column("Until when; null, as both are current.")


@model(Incremental(), IntSavingsAccountOnly)
def int_savings_account_only(int_account_with_customer: ir.Table) -> ir.Table:
    accounts = int_account_with_customer
    return accounts.filter(accounts.account_type == "savings").drop("account_type")


int_savings_account_only.check(
    positive_value("balance_amount", zero=True),
    same_rows(
        "every_savings_account", "Exactly the savings accounts are here.", ("account_id", "balance_amount"),
        "int_account_with_customer", lambda t: t.filter(t.account_type == "savings"),
    ),
)  # fmt: skip
