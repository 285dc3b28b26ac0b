"""Values of Ibis expressions: which columns they name, the same value over other columns, and rows that have some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import ibis.expr.operations as ops
import ibis.expr.types as ir

# What looks at more rows than one.
ACROSS_ROWS = (ops.WindowFunction, ops.Reduction, ops.Analytic, ops.Subquery)
# How a row of a relation stands for one of its parent: what is said of its columns is said of the parent's.
SAME_ROWS = (ops.Filter, ops.Sort, ops.DropColumns, ops.DropNull, ops.Distinct)


def fields(value: object) -> Iterator[ops.Field]:
    """Yield the columns that a value names, not those of the relations below it."""
    if isinstance(value, ops.Field):
        yield value
    elif isinstance(value, ops.Value):
        for part in value.__args__:
            yield from fields(part)
    elif isinstance(value, tuple):
        for part in value:
            yield from fields(part)


def inside(value: object, kinds: type | tuple[type, ...]) -> Iterator[Any]:
    """Yield the parts of a value that are of a kind, itself included."""
    if isinstance(value, kinds):
        yield value
    if isinstance(value, ops.Value) and not isinstance(value, ops.Field):
        for part in value.__args__:
            yield from inside(part, kinds)
    elif isinstance(value, tuple):
        for part in value:
            yield from inside(part, kinds)


def over(value: ops.Value, known: Callable[[ops.Value], ops.Value | None]) -> ops.Value:
    """Return a value with each part for which `known` has another replaced by it, the outermost first."""
    return cast(ops.Value, _over(value, known))


def _over(part: Any, known: Callable[[ops.Value], ops.Value | None]) -> Any:
    if isinstance(part, tuple):
        return tuple(_over(each, known) for each in part)
    if not isinstance(part, ops.Value):
        return part
    other = known(part)
    if other is not None:
        return other
    if isinstance(part, ops.Field):
        return part
    made = tuple(_over(each, known) for each in part.__args__)
    same = all(new is old for new, old in zip(made, part.__args__, strict=True))
    return part if same else type(part)(*made)


def through(value: ops.Value, column: Callable[[ops.Field], ops.Value]) -> ops.Value:
    """Return a value with each column that it names replaced."""
    return over(value, lambda part: column(part) if isinstance(part, ops.Field) else None)


def apart(table: ir.Table) -> ir.Table:
    """Return a table to which others may be joined as to any: a join of its own would be continued by them."""
    return table.view() if isinstance(table.op(), ops.JoinChain) else table


def having(table: ir.Table, values: Callable[[ir.Table], Iterable[ir.Value]], wanted: ir.Table) -> ir.Table:
    """Return the rows of a table whose values are, in order, those of a row of `wanted`, null being a value."""
    table, wanted = apart(table), wanted.rename(lambda name: f"touched_{name}")
    pairs = zip(values(table), wanted.columns, strict=True)
    return table.semi_join(wanted, [value.identical_to(wanted[name]) for value, name in pairs])


def meaning(value: Any, step: Callable[[str], ops.Relation | None], path: tuple[Any, ...] = ()) -> Any:
    """Return what a value is made of, as nested tuples that are equal where two values of a row are the same.

    Columns are followed down to stored tables, aggregations and set operations; `step` gives the expression of a
    table that is none. `path` are the sides of joins on the way, for the sides of a self-join are different rows.
    """
    if isinstance(value, tuple):
        return tuple(meaning(part, step, path) for part in value)
    if not isinstance(value, ops.Value):
        return value
    if not isinstance(value, ops.Field):
        return type(value), *(meaning(part, step, path) for part in value.__args__)
    rel, name = value.rel, value.name
    if isinstance(rel, ops.Project | ops.JoinChain):
        return meaning(rel.values[name], step, path)
    if isinstance(rel, ops.Aggregate) and name in rel.groups:
        return meaning(rel.groups[name], step, (*path, "aggregate"))
    if isinstance(rel, ops.Reference):
        return meaning(ops.Field(rel.parent, name), step, (*path, rel.identifier))
    if isinstance(rel, SAME_ROWS):
        return meaning(ops.Field(rel.parent, name), step, path)
    if isinstance(rel, ops.UnboundTable) and (made := step(rel.name)) is not None:
        return meaning(ops.Field(made, name), step, path)
    return ops.Field, path, rel, name


def is_settled(made_of: Any, known: set[Any]) -> bool:
    """Say whether a meaning follows from the known ones."""
    if made_of in known:
        return True
    if not isinstance(made_of, tuple):
        return True
    if made_of and made_of[0] is ops.Field:
        return False
    if made_of and isinstance(made_of[0], type) and issubclass(made_of[0], ops.Impure | ops.Reduction | ops.Analytic):
        return False
    return all(is_settled(part, known) for part in made_of)
