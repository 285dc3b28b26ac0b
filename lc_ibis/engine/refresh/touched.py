"""Which keys a change touches, and the inputs narrowed to those keys.

How rows of the tables before a model lead to its keys is known: see provenance. A model's rows of some keys are its
function's result over the rows that lead to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.declare.models import Model, among_rows, key_values
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.declare.rules.values import apart, having, inside, over, through
from lc_ibis.declare.rules.ways import Path, Values, Ways
from lc_ibis.engine.store import Store

_PLAIN = (ops.Field, ops.Literal, ops.Cast, ops.TryCast)
# What may raise an error for a row that a model leaves out before.
_FALLIBLE = (
    ops.ScalarUDF, ops.StringToDate, ops.StringToTime, ops.StringToTimestamp, ops.DateFromYMD, ops.TimeFromHMS,
    ops.TimestampFromYMDHMS, ops.ArrayIndex, ops.MapGet, ops.Divide, ops.FloorDivide, ops.Modulus,
)  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """What one run did to a table: the rows that it lost and gained, as they were and are.

    A row that changed is in both.
    """

    removed: ir.Table
    added: ir.Table

    def and_then(self, later: Changes) -> Changes:
        """Return what these and later changes of the same table, of other rows, do."""
        return Changes(self.removed.union(later.removed), self.added.union(later.added))


@dataclass(frozen=True, eq=False)
class Keys:
    """Some values of the key columns `by`, each once, null being a value; no table where there are none.

    `ways` are those that rows take to such keys.
    """

    by: tuple[str, ...]
    ways: Ways
    table: ir.Table | None
    count: int


class Touched:
    """The keys that the changes of one run touch, by model; `tables` are the tables as they are now."""

    def __init__(self, pipeline: Pipeline, store: Store, tables: Tables, changes: Mapping[str, Changes]):
        self._pipeline, self._store, self._tables, self._changes = pipeline, store, tables, changes
        self._keys: dict[tuple[tuple[str, ...], Ways], Keys] = {}
        self._narrowed: dict[Keys, Tables] = {}

    def keys(self, model: Model) -> Keys:
        """Return the keys of a model whose rows may differ, as its inputs changed."""
        ways = self._pipeline.ways[model.name]
        signature = (model.by, ways)
        if signature not in self._keys:
            types = key_values(model, ibis.table(model.contract.schema()), model.by)
            pieces = [
                self._followed(path, rows, {name: value.type() for name, value in types.items()})
                for path in sorted(ways.paths, key=lambda path: path.table)
                if (changes := self._changes.get(path.table))
                for rows in (changes.removed, changes.added)
            ]
            self._keys[signature] = self._collected(model.by, ways, pieces)
        return self._keys[signature]

    def can_be_followed(self, model: Model) -> bool:
        """Say whether no row can fail on the way to the keys of a model, where failing is no null."""
        if self._store.attempts:
            return True
        ways = self._pipeline.ways[model.name]
        values = ((path.values, *((hop.match, hop.give) for hop in path.hops)) for path in ways.paths)
        return not any(map(_can_fail, inside(tuple(values), _FALLIBLE)))

    def narrowed(self, keys: Keys) -> Tables:
        """Return the pipeline's tables, narrowed to the rows that lead to the keys where all of theirs are told."""
        if keys not in self._narrowed:
            straight = {name: keys.ways.straight(name) for name in {path.table for path in keys.ways.paths}}
            # Rows that lead there in two ways are joined as a set, which those of a table without a key are not.
            narrow = {
                name
                for name, ways in straight.items()
                if len(ways) == 1 or (ways and self._pipeline[name].contract.key())
            }

            def found(model: Model) -> ir.Table | None:
                if model.name in narrow:
                    return self._leading(model, keys, straight[model.name])
                is_apart = model.is_stored or not narrow.intersection(self._pipeline.stored_inputs[model.name])
                return self._tables[model.name] if is_apart else None

            self._narrowed[keys] = self._tables.over(found)
        return self._narrowed[keys]

    def rows(self, model: Model, keys: Keys) -> ir.Table:
        """Return the rows of a stored table that have one of the keys, as they are now."""
        assert keys.table is not None
        return self._store.scratch(among_rows(model, self._tables[model.name], keys.table, keys.by))

    def asked(self, model: Model, result: ir.Table, keys: Keys) -> ir.Table:
        """Return the rows of a result over the narrowed tables that have one of the keys."""
        assert keys.table is not None
        return among_rows(model, result, keys.table, keys.by) if keys.ways.gives_others else result

    def _leading(self, model: Model, keys: Keys, straight: tuple[Values, ...]) -> ir.Table:
        assert keys.table is not None
        table = self._tables[model.name]
        wanted = keys.table.select(*keys.by)
        found = [having(table, partial(self._over, values), wanted) for values in straight]
        return self._store.scratch(ibis.union(*found, distinct=True) if len(found) > 1 else found[0])

    def _collected(self, by: tuple[str, ...], ways: Ways, pieces: list[ir.Table]) -> Keys:
        if not pieces:
            return Keys(by, ways, None, 0)
        union = ibis.union(*pieces, distinct=True) if len(pieces) > 1 else pieces[0].distinct()
        table = self._store.scratch(union)
        return Keys(by, ways, table, self._store.count(table))

    def _followed(self, path: Path, rows: ir.Table, types: Mapping[str, ibis.DataType]) -> ir.Table:
        """Return the keys to which some rows of a table lead."""
        values = self._over(path.values, rows)
        for hop in path.hops:
            there = self._there(hop.relation)
            links = rows.select(**_named(values)).distinct()
            rows = apart(having(there, partial(self._over, hop.match), links))
            values = self._over(hop.give, rows)
        return rows.select(**{n: _typed(v, t) for (n, t), v in zip(types.items(), values, strict=True)})

    def _there(self, relation: ops.Relation) -> ir.Table:
        """Return a relation over unbound tables as it is now."""
        while isinstance(relation, ops.Reference):
            relation = relation.parent
        known = {table: self._tables[table.name].op() for table in relation.find(ops.UnboundTable)}
        return relation.replace(known).to_expr()

    def _over(self, values: Values, table: ir.Table) -> list[ir.Value]:
        """Return values over an unbound table as values of one with the same columns.

        They are null where they fail: a model may leave those rows out before it computes them.
        """
        made = [through(over(value, _tried), lambda column: table[column.name].op()) for value in values]
        return [value.to_expr() if _is_plain(value) else self._store.attempted(value.to_expr()) for value in made]


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


def _typed(value: ir.Value, type_: ibis.DataType) -> ir.Value:
    return value if value.type().copy(nullable=True) == type_.copy(nullable=True) else value.cast(type_)
