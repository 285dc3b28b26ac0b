"""What each borrower owes, next to their savings."""

import ibis.expr.types as ir

from lc_ibis.declare import Contract, Incremental, column, current, key, model, positive_value, relationships, stamp
from lc_ibis.layers.columns import Integer, Moment, Money, Text, as_money, share


class CustomerExposure(Contract):
    """One row per current customer with a loan."""

    customer_id: Integer = key("The customer's number.")
    customer_name: Text = column("The customer's name.")
    loan_count: Integer = column("Number of loans.")
    total_principal_amount: Money = column("Sum of what is owed, US dollars.")
    total_yearly_interest_amount: Money = column("Sum of a year's interest on the loans, US dollars.")
    total_savings_amount: Money = column("Sum of the balances of savings accounts, US dollars; 0 without one.")
    calculated_at: Moment = stamp("The run that last changed the row.")


@model(Incremental(), CustomerExposure)
def customer_exposure(snap_loan: ir.Table, snap_customer: ir.Table, customer_profile: ir.Table) -> ir.Table:
    loan, customer = current(snap_loan), current(snap_customer)
    owed = loan.group_by("customer_id").aggregate(
        loan_count=loan.count(),
        total_principal_amount=as_money(loan.principal_amount.sum()),
        total_yearly_interest_amount=as_money(share(loan.principal_amount, loan.yearly_rate_pct).sum()),
    )
    savings = customer_profile.select("customer_id", total_savings_amount="total_balance_amount")
    known = owed.inner_join(customer.select("customer_id", "customer_name"), "customer_id")
    both = known.left_join(savings, "customer_id")
    return both.select(
        "customer_id",
        "customer_name",
        "loan_count",
        "total_principal_amount",
        "total_yearly_interest_amount",
        total_savings_amount=both.total_savings_amount.fill_null(0).cast("decimal(18, 2)"),
    )


customer_exposure.check(
    positive_value("loan_count"),
    positive_value("total_principal_amount", zero=True),
    relationships("customer_id", "snap_customer", where=lambda t: t.dbt_valid_to.isnull()),
)
