"""How a stored table differs from a result, so that only that need be written."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import Contract, any_moment
from lc_ibis.declare.marks import NEW, OLD

_IS_NEW, _COPY, _RANK, _LIMIT = "lc_ibis_is_new", "lc_ibis_copy", "lc_ibis_rank", "lc_ibis_limit_"


@dataclass(frozen=True)
class Differences:
    """How a stored table differs from a result: rows by content, counted.

    Columns: the contract's content, then NEW and OLD, how often each has it (int64), unequal.
    A content may stand more than once where rows have no key.
    """

    table: ir.Table
    contract: type[Contract]

    @property
    def outdated(self) -> ir.Table:
        """Contents that the stored table has too often."""
        return self.table.filter(self.table[NEW] < self.table[OLD])

    def survivors(self, stored: ir.Table) -> ir.Table:
        """Stored rows with an outdated content that stay all the same: those with the oldest stamps."""
        content, stamps = self.contract.content(), self.contract.stamps()
        limits = self.outdated.filter(self.outdated[NEW] > 0)
        theirs = limits.rename(lambda name: f"{_LIMIT}{name}")
        matches = stored.inner_join(theirs, [stored[c].identical_to(theirs[f"{_LIMIT}{c}"]) for c in content])
        rank = ibis.row_number().over(group_by=content, order_by=[matches[s] for s in stamps])
        ranked = matches.mutate(**{_RANK: rank})
        return ranked.filter(ranked[_RANK] < ranked[f"{_LIMIT}{NEW}"]).select(*stored.columns)

    def additions(self) -> ir.Table:
        """Rows to add, stamped with the run."""
        missing = self.table.filter(self.table[NEW] > self.table[OLD])
        if not self.contract.key():
            copies = ibis.range(0, missing[NEW] - missing[OLD]).unnest()
            missing = missing.mutate(**{_COPY: copies})
        stamped = missing.mutate(**dict.fromkeys(self.contract.stamps(), any_moment()))
        return stamped.select(*self.contract.schema().names)


def differences(result: ir.Table, stored: ir.Table, contract: type[Contract]) -> Differences:
    """Compare a result with what is stored, stamps aside and duplicates counted, in one aggregation."""
    content = contract.content()
    new = result.select(*content).mutate(**{_IS_NEW: True})
    old = stored.select(*content).mutate(**{_IS_NEW: False})
    both = new.union(old)
    tally = both.group_by(content).aggregate(
        **{NEW: both.count(where=both[_IS_NEW]), OLD: both.count(where=~both[_IS_NEW])}
    )
    return Differences(tally.filter(tally[NEW] != tally[OLD]), contract)
