"""Versions that a history need no longer keep: those that ended long ago, and never a current one."""

from __future__ import annotations

from datetime import datetime

from lc_ibis.compiled.queries import Query
from lc_ibis.declare.models import VERSION_ID, Model
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.relations import stored
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store


def let_go(store: Store, state: State, model: Model, since: datetime) -> Changes | None:
    """Remove the versions of a history that ended before a moment, and remember that nothing before it is known.

    Returns what was removed, None where there is nothing.
    """
    if model.name not in state.tables:
        return None
    gone = expired(store, model, since)
    if not (count := store.count(gone)):
        return None
    gone = store.scratch(gone)
    store.delete(model.layer, model.name, gone, (VERSION_ID,), state.tables[model.name].row_count)
    state.let_go(model.name, count, since)
    return Changes(gone, store.dialect.none_of(gone))


def expired(store: Store, model: Model, since: datetime) -> Query:
    """Return the versions of a history that ended before a moment."""
    return store.dialect.where(stored(store, model), f"dbt_valid_to < {store.dialect.moment(since)}")
