"""Keys as people write them, and the columns beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis.expr.types as ir

from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.errors import SelectionError


def parsed(model: Model, texts: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a model's key, by column, from what was written for each. Raises SelectionError."""
    names = model.business_key
    if not names:
        raise SelectionError(f"{model.name}: the table has no key, so its rows cannot be looked up.")
    if len(texts) != len(names):
        given = ", ".join(map(repr, texts)) or "nothing"
        raise SelectionError(f"{model.name}: the key is {', '.join(names)}, but you gave {given}.")
    types = model.contract.schema()
    return {name: _value(model, name, text, types[name].is_integer()) for name, text in zip(names, texts, strict=True)}


def _value(model: Model, name: str, text: Any, is_integer: bool) -> Any:
    if not is_integer:
        return str(text)
    try:
        value = int(str(text))
    except ValueError:
        raise SelectionError(f"{model.name}.{name}: {text!r} is not an integer.") from None
    if not -(2**63) <= value < 2**63:
        raise SelectionError(f"{model.name}.{name}: {text} does not fit a 64-bit integer.")
    return value


def written(key: dict[str, Any]) -> str:
    """Return a key as people write it."""
    return " ".join(str(value) for value in key.values())


def having(rows: ir.Table, key: dict[str, Any]) -> ir.Table:
    """Return the rows of a key."""
    return rows.filter([rows[name] == value for name, value in key.items()])


def business_columns(history: Model) -> list[str]:
    """Return the columns of a history, beside its key, whose change makes a version that people know of."""
    assert isinstance(history.kind, Snapshot)
    aside = {*history.kind.strategy.ignore, *history.business_key, *(column.name for column in Versions.columns)}
    return [column.name for column in history.contract.columns if column.name not in aside]
