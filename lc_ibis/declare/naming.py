"""Names: what a table of a layer and a column of a type are called, and which names break that."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.datatypes as dt

from lc_ibis.declare.contracts import Column, Contract
from lc_ibis.declare.models import Model

# By layer: how the names of its stored tables begin. The last layer's are the company's own words.
PREFIXES = {
    "source": ("src_",),
    "staging": ("stg_", "quarantine_stg_"),
    "snapshots": ("snap_",),
    "intermediate": ("int_",),
    "marts": (),
}
# Columns of histories keep the names that dbt gives them.
FOREIGN = "dbt_"
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Rule:
    """Columns of a kind of type end with one of the suffixes, and no others do."""

    kind: str
    suffixes: tuple[str, ...]
    holds: Callable[[dt.DataType], bool]


RULES = (
    Rule("a time", ("_at",), lambda t: t.is_timestamp()),
    Rule("a date", ("_date",), lambda t: t.is_date()),
    Rule("a yes or no", ("_flag",), lambda t: t.is_boolean()),
    Rule("an amount of money, decimal(18,2)", ("_amount",), lambda t: t == dt.Decimal(18, 2, nullable=t.nullable)),
    Rule("a fraction, any other decimal", ("_pct",), lambda t: t.is_decimal()),
    Rule("a whole number", ("_id", "_count"), lambda t: t.is_integer()),
)
_ANY_TYPE = ("_id",)


@dataclass(frozen=True)
class Breach:
    """A name that breaks the conventions: where, and how to mend it."""

    file: str
    line: int
    name: str
    reason: str


def breaches(models: Iterable[Model], abbreviations: Mapping[str, str]) -> Iterator[Breach]:
    """Yield the names of tables and of their contracts' columns that break the conventions.

    `abbreviations` are words that are not to be used, with those to write in their place.
    """
    seen: set[tuple[type, str]] = set()
    for model in models:
        if reason := _table_reason(model, abbreviations):
            yield Breach(model.where, _line(model.function), model.name, reason)
        for column in model.contract.columns:
            owner = _owner(model.contract, column.name)
            if (owner, column.name) not in seen and (reason := _column_reason(column, abbreviations)):
                file = "/".join(owner.__module__.split(".")[-2:]) + ".py"
                yield Breach(file, _line(owner, column.name), f"{owner.__name__}.{column.name}", reason)
            seen.add((owner, column.name))


def _table_reason(model: Model, abbreviations: Mapping[str, str]) -> str | None:
    prefixes = PREFIXES.get(model.layer)
    if prefixes and model.is_stored and not model.name.startswith(prefixes):
        return f"a stored table of {model.layer} begins with {' or '.join(prefixes)}"
    others = tuple(p for layer, those in PREFIXES.items() for p in those if layer != model.layer)
    if others and model.name.startswith(others):
        return f"it begins as a table of another layer than {model.layer}"
    return _spelling_reason(model.name.removeprefix("int_"), abbreviations)


def _column_reason(column: Column, abbreviations: Mapping[str, str]) -> str | None:
    if column.name.startswith(FOREIGN):
        return None
    rule = next((rule for rule in RULES if rule.holds(column.type)), None)
    wanted = rule.suffixes if rule else ()
    if rule and not column.name.endswith(wanted):
        return f"{rule.kind} ends with {' or '.join(wanted)}"
    misleading = [s for other in RULES for s in other.suffixes if s not in (*wanted, *_ANY_TYPE)]
    if suffix := next((s for s in misleading if column.name.endswith(s)), None):
        return f"{suffix} is for {next(r.kind for r in RULES if suffix in r.suffixes)}, and this is {column.type}"
    return _spelling_reason(column.name, abbreviations)


def _spelling_reason(name: str, abbreviations: Mapping[str, str]) -> str | None:
    if not _SNAKE_CASE.fullmatch(name):
        return "a name is written in snake_case: small letters and digits, words joined by _"
    short = next((word for word in name.split("_") if word in abbreviations), None)
    return f"{short} is an abbreviation: write {abbreviations[short]}" if short else None


def _owner(contract: type[Contract], name: str) -> type:
    """Return the class that declares a column."""
    return next(c for c in contract.__mro__ if name in vars(c).get("__annotations__", {}))


def _line(declared: Any, column: str | None = None) -> int:
    """Return the line of a function or a class, or of a column in it."""
    lines, first = inspect.getsourcelines(declared)
    if column is None:
        return first
    return next((first + n for n, text in enumerate(lines) if re.match(rf"\s+{column}\s*:", text)), first)
