"""The account of every row received: nothing is lost on the way."""

import ibis
import ibis.expr.types as ir

from lc_ibis.declare import Ephemeral, current, expression_is_true, model


@model(Ephemeral())
def ledger(
    src_customer: ir.Table, stg_customer: ir.Table, quarantine_stg_customer: ir.Table,
    held_customer: ir.Table, snap_customer: ir.Table,
    src_account: ir.Table, stg_account: ir.Table, quarantine_stg_account: ir.Table,
    held_account: ir.Table, snap_account: ir.Table,
    int_account_with_customer: ir.Table, int_account_without_customer: ir.Table,
) -> ir.Table:  # fmt: skip
    """One row per source, every row of it accounted for.

    received = accepted + refused. current = accepted + held, where held counts the keys whose
    last good version stays current because today's row is refused. For accounts:
    current = joined + without_customer.
    """
    customer = counted("customer", src_customer, stg_customer, quarantine_stg_customer, held_customer, snap_customer)
    account = counted("account", src_account, stg_account, quarantine_stg_account, held_account, snap_account).mutate(
        joined_count=_rows(int_account_with_customer), without_customer_count=_rows(int_account_without_customer)
    )
    return customer.union(account)


def counted(
    source: str, received: ir.Table, accepted: ir.Table, refused: ir.Table, held: ir.Table, history: ir.Table
) -> ir.Table:
    """Return the ledger's row of a source; joined_count and without_customer_count are null.

    `held` has the keys, in the column <source>_id, that are present but refused.
    """
    return received.aggregate(received_count=received.count()).select(
        source=ibis.literal(source),
        received_count="received_count",
        accepted_count=_rows(accepted),
        refused_count=_rows(refused),
        held_count=_rows(current(history).semi_join(held, f"{source}_id")),
        current_count=_rows(current(history)),
        joined_count=ibis.null("int64"),
        without_customer_count=ibis.null("int64"),
    )


def _rows(table: ir.Table) -> ir.IntegerScalar:
    return table.count().as_scalar()


BALANCED = (
    expression_is_true(
        "received_is_accepted_and_refused", "Every received row is in staging or in quarantine, once.",
        lambda t: t.received_count == t.accepted_count + t.refused_count,
        spoilt=lambda row: {"refused_count": row.refused_count + 1},
    ),
    expression_is_true(
        "current_is_accepted_and_held", "Every current version is an accepted row or a held one.",
        lambda t: t.current_count == t.accepted_count + t.held_count,
        spoilt=lambda row: {"held_count": row.held_count + 1},
    ),
)  # fmt: skip
ledger.check(
    *BALANCED,
    expression_is_true(
        "current_is_joined_and_without_customer", "Every current account is joined or named as without customer.",
        lambda t: t.joined_count.isnull() | (t.current_count == t.joined_count + t.without_customer_count),
        spoilt=lambda row: {"joined_count": row.current_count, "without_customer_count": 1},
    ),
)  # fmt: skip
