"""Versions that a history need no longer keep: those that ended long ago, and never a current one."""

from __future__ import annotations

from datetime import datetime

import ibis.expr.types as ir

from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import VERSION_ID, Model
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store


def expired(history: ir.Table, since: ir.TimestampScalar) -> ir.Table:
    """Return the versions that ended before a moment."""
    return history.filter(history.dbt_valid_to < since)


def let_go(store: Store, state: State, model: Model, since: datetime) -> Changes | None:
    """Remove the versions of a history that ended before a moment, and remember that nothing before it is known.

    Returns what was removed, None where there is nothing.
    """
    if model.name not in state.tables:
        return None
    gone = expired(store.table(model.layer, model.name), moment(since))
    if not (count := store.count(gone)):
        return None
    gone = store.scratch(gone)
    store.delete(model.layer, model.name, gone, by=(VERSION_ID,))
    state.let_go(model.name, count, since)
    return Changes(gone, gone.limit(0))
