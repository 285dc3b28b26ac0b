"""How changes lead to the keys of a model, as templates.

How rows of the tables before a model lead to its keys is known: see provenance. A model's rows of some keys are its
function's result over the rows that lead to them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.compiled.queries import KEYS, ROWS, Template
from lc_ibis.compiled.templates import attempted, given
from lc_ibis.declare.models import Model, key_values
from lc_ibis.declare.rules.values import apart, having, inside, over, through
from lc_ibis.declare.rules.ways import Path, Values

if TYPE_CHECKING:
    from lc_ibis.compiled.making import Maker

_PLAIN = (ops.Field, ops.Literal, ops.Cast, ops.TryCast)
# What may raise an error for a row that a model leaves out before.
_FALLIBLE = (
    ops.ScalarUDF, ops.StringToDate, ops.StringToTime, ops.StringToTimestamp, ops.DateFromYMD, ops.TimeFromHMS,
    ops.TimestampFromYMDHMS, ops.ArrayIndex, ops.MapGet, ops.Divide, ops.FloorDivide, ops.Modulus,
)  # fmt: skip


def key_types(model: Model, by: tuple[str, ...]) -> dict[str, dt.DataType]:
    """Return the types of key columns of a model."""
    values = key_values(model, ibis.table(model.contract.schema()), by)
    return {name: value.type() for name, value in values.items()}


class KeyMaker:
    """Makes the queries about the keys of a model; see KeyQueries."""

    def __init__(self, maker: Maker, model: Model):
        self._maker, self._dialect = maker, maker.dialect
        self._ways, self._types = maker.pipeline.ways[model.name], key_types(model, model.by)

    def queries(self) -> dict[str, Any]:
        """Return the queries. Where keys cannot be followed there are none."""
        can = self._can_be_followed()
        paths = sorted(self._ways.paths, key=lambda path: path.table) if can else ()
        return {
            "gives_others": self._ways.gives_others,
            "can_be_followed": can,
            "leads": [(path.table, self._maker.template(self._followed(path))) for path in paths],
            "narrow": self._narrow() if can else {},
        }

    def _can_be_followed(self) -> bool:
        if self._dialect.attempts:
            return True
        paths = self._ways.paths
        values = ((path.values, *((hop.match, hop.give) for hop in path.hops)) for path in paths)
        return not any(map(_can_fail, inside(tuple(values), _FALLIBLE)))

    def _narrow(self) -> dict[str, list[Template]]:
        straight = {name: self._ways.straight(name) for name in {path.table for path in self._ways.paths}}
        # Rows that lead there in two ways are joined as a set, which those of a table without a key are not.
        return {
            name: [self._leading(name, values) for values in ways]
            for name, ways in sorted(straight.items())
            if len(ways) == 1 or (ways and self._maker.pipeline[name].contract.key())
        }

    def _leading(self, name: str, values: Values) -> Template:
        wanted = given(KEYS, ibis.schema(self._types))
        return self._maker.template(having(self._maker.unbound[name], partial(self._over, values), wanted))

    def _followed(self, path: Path) -> ir.Table:
        rows = given(ROWS, self._maker.unbound[path.table].schema())
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
        known = {table: self._maker.unbound[table.name].op() for table in relation.find(ops.UnboundTable)}
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
