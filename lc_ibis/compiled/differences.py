"""How a stored table differs from a result, so that only that need be written."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import Contract, any_moment


@dataclass(frozen=True)
class Differences:
    """How a stored table differs from a result: rows by content, counted.

    Columns: the contract's content, then new_count and old_count (int64), which are unequal.
    A content may stand more than once where rows have no key.
    """

    table: ir.Table
    contract: type[Contract]

    @property
    def outdated(self) -> ir.Table:
        """Contents that the stored table has too often."""
        return self.table.filter(self.table.new_count < self.table.old_count)

    def survivors(self, stored: ir.Table) -> ir.Table:
        """Stored rows with an outdated content that stay all the same: those with the oldest stamps."""
        content, stamps = self.contract.content(), self.contract.stamps()
        limits = self.outdated.filter(self.outdated.new_count > 0)
        theirs = limits.rename(lambda name: f"limit_{name}")
        matches = stored.inner_join(theirs, [stored[c].identical_to(theirs[f"limit_{c}"]) for c in content])
        rank = ibis.row_number().over(group_by=content, order_by=[matches[s] for s in stamps])
        ranked = matches.mutate(rank=rank)
        return ranked.filter(ranked["rank"] < ranked.limit_new_count).select(*stored.columns)

    def additions(self) -> ir.Table:
        """Rows to add, stamped with the run."""
        missing = self.table.filter(self.table.new_count > self.table.old_count)
        if not self.contract.key():
            copies = ibis.range(0, missing.new_count - missing.old_count).unnest()
            missing = missing.mutate(copy=copies)
        stamped = missing.mutate(**dict.fromkeys(self.contract.stamps(), any_moment()))
        return stamped.select(*self.contract.schema().names)


def differences(result: ir.Table, stored: ir.Table, contract: type[Contract]) -> Differences:
    """Compare a result with what is stored, stamps aside and duplicates counted, in one aggregation."""
    content = contract.content()
    new = result.select(*content).mutate(is_new=True)
    old = stored.select(*content).mutate(is_new=False)
    both = new.union(old)
    tally = both.group_by(content).aggregate(
        new_count=both.count(where=both.is_new), old_count=both.count(where=~both.is_new)
    )
    return Differences(tally.filter(tally.new_count != tally.old_count), contract)
