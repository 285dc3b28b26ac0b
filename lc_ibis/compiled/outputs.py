"""Rows as output files have them."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lc_ibis.files.documents import FORMULA_STARTS


def neutralised(rows: ir.Table) -> ir.Table:
    """Put an apostrophe before texts that a spreadsheet would take for formulas."""
    texts = [rows[name] for name, type_ in rows.schema().items() if type_.is_string()]
    return rows.mutate(
        **{t.get_name(): ibis.ifelse(t.substr(0, 1).isin(FORMULA_STARTS), ibis.literal("'") + t, t) for t in texts}
    )
