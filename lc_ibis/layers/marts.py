"""What the company works with: interest by account, totals by customer."""

from decimal import Decimal

import ibis
import ibis.expr.types as ir

from lc_ibis.declare import (
    Contract,
    Incremental,
    accepted_range,
    column,
    expression_is_true,
    key,
    model,
    positive_value,
    relationships,
    same_rows,
    stamp,
)
from lc_ibis.layers.columns import Flag, Integer, Moment, Money, Rate, Text, as_money, rate, share, total

# Under 10,000; from 10,000; from 20,000.
# From which balance on the second and the third rate hold.
TIERS = (10_000, 20_000)
BASE_RATES = (Decimal("0.01"), Decimal("0.015"), Decimal("0.02"))
LOAN_SURCHARGE = Decimal("0.005")


class AccountSummary(Contract):
    """One row per savings account, with a year's interest.

    The rate is 1 % under 10,000, 1.5 % from there and 2 % from 20,000; 0.5 % more where the
    customer has a loan. Interest is rounded to the cent, half a cent away from zero.
    """

    account_id: Text = key("The account's number.")
    customer_id: Integer = column("The owner's number.")
    original_balance_amount: Money = column("The balance, US dollars.")
    interest_rate_pct: Rate = column("Yearly rate as a fraction: 0.0150 is 1.5 %.")
    annual_interest_amount: Money = column("Balance × rate, US dollars.")
    new_balance_amount: Money = column("Balance and interest, US dollars.")
    calculated_at: Moment = stamp("The run that last changed the row.")


@model(Incremental(), AccountSummary)
def account_summary(int_savings_account_only: ir.Table) -> ir.Table:
    account = int_savings_account_only
    balance = account.balance_amount
    yearly = interest_rate(balance, account.has_loan_flag)
    interest = share(balance, yearly)
    return account.select(
        "account_id",
        "customer_id",
        original_balance_amount=balance,
        interest_rate_pct=yearly,
        annual_interest_amount=interest,
        new_balance_amount=total(balance, interest),
    )


def interest_rate(balance: ir.DecimalValue, has_loan: ir.BooleanValue) -> ir.DecimalValue:
    """Return the yearly rate as a fraction, decimal(5,4)."""

    def tiers(surcharge: Decimal) -> ir.DecimalValue:
        low, middle, high = (rate(base + surcharge) for base in BASE_RATES)
        return ibis.cases((balance < TIERS[0], low), (balance < TIERS[1], middle), else_=high)

    return ibis.ifelse(has_loan, tiers(LOAN_SURCHARGE), tiers(Decimal(0)))


account_summary.check(
    positive_value("original_balance_amount", zero=True),
    positive_value("annual_interest_amount", zero=True),
    accepted_range("interest_rate_pct", BASE_RATES[0], BASE_RATES[-1] + LOAN_SURCHARGE),
    expression_is_true(
        "interest_is_balance_times_rate", "The interest is the balance times the rate, to the cent.",
        lambda t: t.annual_interest_amount == share(t.original_balance_amount, t.interest_rate_pct),
        spoilt=lambda row: {"annual_interest_amount": row.original_balance_amount + 1},
    ),
    expression_is_true(
        "new_balance_is_the_sum", "The new balance is balance and interest.",
        lambda t: t.new_balance_amount == total(t.original_balance_amount, t.annual_interest_amount),
        spoilt=lambda row: {"new_balance_amount": row.original_balance_amount - 1},
    ),
    same_rows(
        "every_savings_account", "Exactly the savings accounts have interest.", ("account_id", "customer_id"),
        "int_savings_account_only", lambda t: t,
    ),
)  # fmt: skip


class CustomerProfile(Contract):
    """One row per customer with a savings account."""

    customer_id: Integer = key("The customer's number.")
    customer_name: Text = column("The customer's name.")
    has_loan_flag: Flag = column("Whether the customer has a loan.")
    total_accounts_count: Integer = column("Number of savings accounts.")
    total_balance_amount: Money = column("Sum of their balances, US dollars.")
    total_annual_interest_amount: Money = column("Sum of their yearly interest, US dollars.")
    calculated_at: Moment = stamp("The run that last changed the row.")


@model(Incremental(), CustomerProfile)
def customer_profile(int_savings_account_only: ir.Table, account_summary: ir.Table) -> ir.Table:
    account = int_savings_account_only.inner_join(
        account_summary.select("account_id", "customer_id", "original_balance_amount", "annual_interest_amount"),
        ["customer_id", "account_id"],
    )
    return account.group_by("customer_id", "customer_name", "has_loan_flag").aggregate(
        total_accounts_count=account.count(),
        total_balance_amount=as_money(account.original_balance_amount.sum()),
        total_annual_interest_amount=as_money(account.annual_interest_amount.sum()),
    )


customer_profile.check(
    positive_value("total_accounts_count"),
    positive_value("total_balance_amount", zero=True),
    positive_value("total_annual_interest_amount", zero=True),
    relationships("customer_id", "snap_customer", where=lambda t: t.dbt_valid_to.isnull()),
    same_rows(
        "totals_agree_with_accounts", "A customer's totals are the sums over the accounts.",
        ("customer_id", "total_accounts_count", "total_balance_amount", "total_annual_interest_amount"),
        "account_summary",
        lambda t: t.group_by("customer_id").aggregate(
            total_accounts_count=t.count(),
            total_balance_amount=as_money(t.original_balance_amount.sum()),
            total_annual_interest_amount=as_money(t.annual_interest_amount.sum()),
        ),
    ),
)  # fmt: skip
