"""How changes lead to the keys of a model, as templates.

How rows of the tables before a model lead to its keys is known: see provenance. A model's rows of some keys are its
function's result over the rows that lead to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.compiled.queries import Query, Template
from lc_ibis.compiled.templates import attempted, given
from lc_ibis.declare.models import Model, key_values
from lc_ibis.declare.rules.values import apart, having, inside, over, through
from lc_ibis.declare.rules.ways import Path, Values, Ways

if TYPE_CHECKING:
    from lc_ibis.compiled.program import Program

ROWS, KEYS = ":rows", ":keys"
_PLAIN = (ops.Field, ops.Literal, ops.Cast, ops.TryCast)
# What may raise an error for a row that a model leaves out before.
_FALLIBLE = (
    ops.ScalarUDF, ops.StringToDate, ops.StringToTime, ops.StringToTimestamp, ops.DateFromYMD, ops.TimeFromHMS,
    ops.TimestampFromYMDHMS, ops.ArrayIndex, ops.MapGet, ops.Divide, ops.FloorDivide, ops.Modulus,
)  # fmt: skip


def key_types(model: Model) -> dict[str, dt.DataType]:
    """Return the types of a model's keys."""
    values = key_values(model, ibis.table(model.contract.schema()), model.by)
    return {name: value.type() for name, value in values.items()}


@dataclass(frozen=True)
class Lead:
    """The keys to which some rows of a table lead: over :rows, and the tables on the way."""

    table: str
    keys: Template


class KeyQueries:
    """The queries about one kind of keys: values of the columns `by`, to which rows lead in some `ways`."""

    def __init__(self, program: Program, by: tuple[str, ...], ways: Ways, types: Mapping[str, dt.DataType]):
        self.by, self.gives_others = by, ways.gives_others
        self._program, self._ways, self._types = program, ways, types
        self._dialect = program.dialect

    @cached_property
    def leads(self) -> list[Lead]:
        """How the rows of each table lead to keys."""
        paths = sorted(self._ways.paths, key=lambda path: path.table)
        return [Lead(path.table, self._program.template(self._followed(path))) for path in paths]

    @cached_property
    def can_be_followed(self) -> bool:
        """Say whether no row can fail on the way to the keys, where failing is no null."""
        if self._dialect.attempts:
            return True
        paths = self._ways.paths
        values = ((path.values, *((hop.match, hop.give) for hop in path.hops)) for path in paths)
        return not any(map(_can_fail, inside(tuple(values), _FALLIBLE)))

    @cached_property
    def narrow(self) -> dict[str, list[Template]]:
        """By table of which all rows tell their keys: its rows that have one of :keys, in each way, over its name."""
        straight = {name: self._ways.straight(name) for name in {path.table for path in self._ways.paths}}
        # Rows that lead there in two ways are joined as a set, which those of a table without a key are not.
        return {
            name: [self._leading(name, values) for values in ways]
            for name, ways in straight.items()
            if len(ways) == 1 or (ways and self._program.pipeline[name].contract.key())
        }

    def narrowed(self, name: str, rows: Query, keys: Query) -> Query:
        """Return the rows of a table that lead to some keys, in whatever way."""
        found = [way.over({name: rows, KEYS: keys}) for way in self.narrow[name]]
        return self._dialect.union(*found, is_distinct=len(found) > 1)

    def _leading(self, name: str, values: Values) -> Template:
        wanted = given(KEYS, ibis.schema(self._types))
        return self._program.template(having(self._program.unbound[name], partial(self._over, values), wanted))

    def _followed(self, path: Path) -> ir.Table:
        rows = given(ROWS, self._program.unbound[path.table].schema())
        values = self._over(path.values, rows)
        for hop in path.hops:
            there = self._there(hop.relation)
            links = rows.select(**_named(values)).distinct()
            rows = apart(having(there, partial(self._over, hop.match), links))
            values = self._over(hop.give, rows)
        return rows.select(**{n: _typed(v, t) for (n, t), v in zip(self._types.items(), values, strict=True)})

    def _there(self, relation: ops.Relation) -> ir.Table:
        """Return a relation over the tables that are given."""
        while isinstance(relation, ops.Reference):
            relation = relation.parent
        known = {table: self._program.unbound[table.name].op() for table in relation.find(ops.UnboundTable)}
        made: ir.Table = relation.replace(known).to_expr()
        return made

    def _over(self, values: Values, table: ir.Table) -> list[ir.Value]:
        """Return values over an unbound table as values of one with the same columns.

        They are null where they fail: a model may leave those rows out before it computes them.
        """
        made = [through(over(value, _tried), lambda column: table[column.name].op()) for value in values]
        return [v.to_expr() if _is_plain(v) else attempted(v.to_expr(), self._dialect) for v in made]


def _can_fail(value: ops.Value) -> bool:
    is_divided = isinstance(value, ops.Divide | ops.FloorDivide | ops.Modulus)
    return not (is_divided and isinstance(value.right, ops.Literal) and value.right.value)


def _is_plain(value: ops.Value) -> bool:
    """Say whether nothing is computed but casts that cannot fail."""
    return all(isinstance(part, _PLAIN) for part in inside(value, ops.Value))


def _tried(value: ops.Value) -> ops.Value | None:
    if type(value) is not ops.Cast:
        return None
    return ops.TryCast(over(value.arg, _tried), to=value.to)


def _named(values: list[ir.Value]) -> dict[str, ir.Value]:
    return {f"value_{i}": value for i, value in enumerate(values)}


def _typed(value: ir.Value, type_: dt.DataType) -> ir.Value:
    return value if value.type().copy(nullable=True) == type_.copy(nullable=True) else value.cast(type_)
