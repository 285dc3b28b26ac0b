"""Judging the rows of a source: texts stripped, copies settled, rows accepted or refused with the reason.

The columns of a source contract are texts and loaded_at. A cleaned table, which the staging of a source makes with
these, has received_<column> for each text, the columns of its staging contract, loaded_at and failure_reason.
"""

import warnings
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.declare import Contract
from lc_ibis.layers.columns import as_text, first_invisible, reason, stripped, written_out

__all__ = [
    "accepted",
    "as_received",
    "invisible_reason",
    "refusal_reason",
    "refusals",
    "refused",
    "settled",
    "with_stripped",
]


def with_stripped(source: ir.Table) -> ir.Table:
    """Return each text of a source twice: as received_…, and stripped under its own name."""
    texts = [name for name in source.columns if name != "loaded_at"]
    bare = {name: stripped(source[name]) for name in texts}
    return source.select(**{f"received_{name}": source[name] for name in texts}, **bare, loaded_at=source.loaded_at)


def as_received(row: ir.Table) -> list[str]:
    """Return the names of the columns that hold the texts as received."""
    return [name for name in row.columns if name.startswith("received_")]


def refusal_reason(row: ir.Table, column: str, why: str) -> ir.StringValue:
    """Return the reason for which a row of with_stripped is refused: the column, why, and its text."""
    return reason(column, why, row[f"received_{column}"])


def invisible_reason(row: ir.Table, column: str) -> ir.StringValue:
    """Return the reason for which a row is refused whose key holds what cannot be seen: that character's name."""
    shown = ibis.literal("holds ") + first_invisible(row[column]) + ", which cannot be seen"
    return reason(column, shown, row[f"received_{column}"])


def settled(cleaned: ir.Table, key: str, values: tuple[str, ...]) -> ir.Table:
    """Settle the sound rows of each key that comes more than once.

    Rows whose clean values are identical collapse to the first by received text, with the
    earliest loaded_at, so that a copy more or less of a row changes nothing; the others are refused as duplicates.
    Rows that disagree are all refused: the pipeline never picks a truth.
    """
    sound = cleaned.filter(cleaned.failure_reason.isnull())
    repeated = sound.semi_join(sound.group_by(key).having(sound.count() > 1).aggregate(), key)
    agree = ibis.and_(*(repeated[v].min().over(group_by=key) == repeated[v].max().over(group_by=key) for v in values))
    place = ibis.row_number().over(group_by=key, order_by=[repeated[t] for t in (*as_received(cleaned), "loaded_at")])
    shown = repeated[f"received_{key}"]
    return repeated.mutate(
        first_loaded_at=repeated.loaded_at.min().over(group_by=key),
        failure_reason=ibis.cases(
            (~agree, reason(key, "comes more than once, with different values", shown)),
            (place > 0, reason(key, "comes more than once, with the same values", shown)),
        ),
    )


def accepted(cleaned: ir.Table, repeated: ir.Table, contract: type[Contract]) -> ir.Table:
    """Return the rows that go to staging, in the columns of its contract; `repeated` are the settled ones."""
    columns = contract.schema().names
    sound = cleaned.filter(cleaned.failure_reason.isnull())
    single = sound.anti_join(repeated, contract.key()).select(*columns)
    collapsed = repeated.filter(repeated.failure_reason.isnull()).mutate(loaded_at=repeated.first_loaded_at)
    return single.union(collapsed.select(*columns))


def refused(cleaned: ir.Table, repeated: ir.Table, contract: Any, former: type[Contract] | None = None) -> ir.Table:
    """Return the rows that go to quarantine, as received, in the columns of its contract.

    In the reasons, what cannot be seen is written out.
    """
    if former is not None:
        warnings.warn(
            "refused() takes no run_at any more: stamps are filled by the engine.", FutureWarning, stacklevel=2
        )
        contract = former
    columns = [*as_received(cleaned), "loaded_at", "failure_reason"]
    refused = cleaned.select(*columns).union(repeated.select(*columns))
    refused = refused.filter(refused.failure_reason.notnull())
    refused = refused.mutate(failure_reason=written_out(refused.failure_reason))
    received = refused.rename(lambda name: name.removeprefix("received_"))
    refusal_id = (as_text(received, contract.headers()) + ": " + received.failure_reason).hexdigest("md5")
    return received.mutate(refusal_id=refusal_id).select(*contract.content())


def refusals(source: str, quarantine: ir.Table, contract: type[Contract]) -> ir.Table:
    """Return a row per refused text and reason of a quarantine table, as the contract Refusal has it.

    `contract` is that of the source table, whose key's column is <source>_id.
    """
    rows = quarantine.select(
        "refusal_id",
        received_id=quarantine[f"{source}_id"],
        received_text=as_text(quarantine, contract.headers()),
        failure_reason=quarantine.failure_reason,
    )
    refusals = rows.group_by(rows.columns).aggregate(refused_count=rows.count())
    return refusals.mutate(source_name=ibis.literal(source))
