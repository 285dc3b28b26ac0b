"""Stamps: columns with the time of the run that last changed the rest of the row, filled by the engine."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.declare.marks import RUN_AT
from lc_ibis.declare.models import Incremental, Model, Source

_warned: dict[Any, Any] = {}


def stamped(model: Model, rows: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
    """Fill the stamps of a source's or an incremental table's rows, each at its place in the contract.

    A function that fills one itself is called as ever, with a FutureWarning: what it gives is not stored. Rows without
    the contract's other columns are left alone, for they are an error.
    """
    stamps = model.contract.stamps() if isinstance(model.kind, Source | Incremental) else ()
    names = [name for name in rows.columns if name not in stamps]
    if given := [name for name in stamps if name in rows.columns]:
        _warn_of_stamps(model, given)
    if not stamps or tuple(names) != model.contract.content():
        return rows
    filled = dict.fromkeys(stamps, run_at.op())
    made = rows.op()
    # As its author would have written it, where Ibis has a list of columns: so the SQL, and the fingerprint, stay.
    if not isinstance(made, ops.Project | ops.JoinChain):
        made = rows.select(*names).op()
    columns = {**made.values, **filled}
    return made.copy(values={name: columns[name] for name in model.contract.schema().names}).to_expr()


def _warn_of_stamps(model: Model, given: list[str]) -> None:
    """Warn, once for a model, at its function."""
    code = getattr(inspect.unwrap(model.function), "__code__", None)
    text = (
        f"{model.name} ({model.where}): it fills {', '.join(given)} itself. Stamps are filled by the engine. "
        f"Leave the column out of the result, and {RUN_AT} out of the parameters if nothing else needs it."
    )
    file, line = (code.co_filename, code.co_firstlineno) if code else (model.where, 1)
    warnings.warn_explicit(text, FutureWarning, file, line, registry=_warned)
