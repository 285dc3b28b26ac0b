"""The account of every row received: nothing is lost on the way."""

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.checks import expression_is_true
from lc_ibis.engine.model import Ephemeral, model
from lc_ibis.engine.scd2 import current


@model(Ephemeral())
def ledger(
    src_customer: ir.Table, stg_customer: ir.Table, quarantine_stg_customer: ir.Table,
    held_customer: ir.Table, snap_customer: ir.Table,
    src_account: ir.Table, stg_account: ir.Table, quarantine_stg_account: ir.Table,
    held_account: ir.Table, snap_account: ir.Table,
    int_account_with_customer: ir.Table, account_without_customer: ir.Table,
) -> ir.Table:  # fmt: skip
    """One row per source, every row of it accounted for.

    received = accepted + refused. current = accepted + held, where held counts the keys whose
    last good version stays current because today's row is refused. For accounts:
    current = joined + without_customer.
    """
    no_count = ibis.null("int64")
    customer = src_customer.aggregate(received_count=src_customer.count()).mutate(
        source=ibis.literal("customer"),
        accepted_count=_rows(stg_customer),
        refused_count=_rows(quarantine_stg_customer),
        held_count=_rows(current(snap_customer).semi_join(held_customer, "customer_id")),
        current_count=_rows(current(snap_customer)),
        joined_count=no_count,
        without_customer_count=no_count,
    )
    account = src_account.aggregate(received_count=src_account.count()).mutate(
        source=ibis.literal("account"),
        accepted_count=_rows(stg_account),
        refused_count=_rows(quarantine_stg_account),
        held_count=_rows(current(snap_account).semi_join(held_account, "account_id")),
        current_count=_rows(current(snap_account)),
        joined_count=_rows(int_account_with_customer),
        without_customer_count=_rows(account_without_customer),
    )
    return customer.union(account).relocate("source").order_by(ibis.desc("source"))


def _rows(table: ir.Table) -> ir.IntegerScalar:
    return table.count().as_scalar()


ledger.check(
    expression_is_true(
        "received_is_accepted_and_refused", "Every received row is in staging or in quarantine, once.",
        lambda t: t.received_count == t.accepted_count + t.refused_count,
    ),
    expression_is_true(
        "current_is_accepted_and_held", "Every current version is an accepted row or a held one.",
        lambda t: t.current_count == t.accepted_count + t.held_count,
    ),
    expression_is_true(
        "current_is_joined_and_without_customer", "Every current account is joined or named as without customer.",
        lambda t: t.joined_count.isnull() | (t.current_count == t.joined_count + t.without_customer_count),
    ),
)  # fmt: skip
