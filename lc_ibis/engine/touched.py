"""Which keys a change touches, and the inputs narrowed to those keys.

Names say it: a column with the name of a key holds values of that key, in whatever table it stands.
A model's rows of some keys are its function's result over its inputs narrowed to those keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.model import Model
from lc_ibis.engine.pipeline import Pipeline, Tables
from lc_ibis.engine.store import Store


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


@dataclass(frozen=True)
class Keys:
    """Some values of the key columns `by`, each once, null being a value; no table where there are none."""

    by: tuple[str, ...]
    table: ir.Table | None
    count: int


class Touched:
    """The keys that the changes of one run touch, by model; `tables` are the tables as they are now."""

    def __init__(self, pipeline: Pipeline, store: Store, tables: Tables, changes: Mapping[str, Changes]):
        self._pipeline, self._store, self._tables, self._changes = pipeline, store, tables, changes
        self._keys: dict[tuple[tuple[str, ...], ...], Keys] = {}
        self._narrowed: dict[int, Tables] = {}

    def keys(self, model: Model) -> Keys:
        """Return the keys of a model whose rows may differ, as its inputs changed."""
        signature = (model.by, model.inputs)
        if signature not in self._keys:
            pieces = self._moved(model, model.by)
            self._keys[signature] = self._collected(model.by, pieces)
        return self._keys[signature]

    def narrowed(self, keys: Keys) -> Tables:
        """Return the pipeline's tables, those with the columns of the keys narrowed to the keys."""
        if id(keys) not in self._narrowed:

            def found(model: Model) -> ir.Table | None:
                if not self._pipeline.carries(model, keys.by):
                    return self._tables[model.name]
                return self.rows(model, keys) if model.is_stored else None

            self._narrowed[id(keys)] = self._tables.over(found)
        return self._narrowed[id(keys)]

    def rows(self, model: Model, keys: Keys) -> ir.Table:
        """Return the rows of a stored table that have one of the keys, as they are now."""
        assert keys.table is not None
        return self._store.scratch(among_rows(model, self._tables[model.name], keys.table, keys.by))

    def _collected(self, by: tuple[str, ...], pieces: list[ir.Table]) -> Keys:
        if not pieces:
            return Keys(by, None, 0)
        union = ibis.union(*pieces, distinct=True) if len(pieces) > 1 else pieces[0].distinct()
        table = self._store.scratch(union)
        return Keys(by, table, self._store.count(table))

    def _moved(self, model: Model, by: tuple[str, ...]) -> list[ir.Table]:
        """Return tables of the values of `by` that changes in a model's inputs touch."""
        pieces = []
        for name, through in self._pipeline.routes(model, by).items():
            known = self._pipeline[name]
            if through is None:
                pieces += self._changed(known, by)
            elif moved := self._changed(known, known.by):
                sibling = self._pipeline[through]
                near = self.rows(sibling, self._collected(known.by, moved))
                pieces.append(near.select(**key_values(sibling, near, by)))
        return pieces

    def _changed(self, model: Model, by: tuple[str, ...]) -> list[ir.Table]:
        """Return tables of the values of `by` in the rows of a table that changed."""
        if not model.is_stored:
            return self._moved(model, by)
        changes = self._changes.get(model.name)
        both = (changes.removed, changes.added) if changes else ()
        return [rows.select(**key_values(model, rows, by)) for rows in both]


def key_values(model: Model, table: ir.Table, by: tuple[str, ...]) -> dict[str, ir.Value]:
    """Return the values of the key columns in rows of a model, as expressions by name."""
    read_as = {c.name: c.read_as for c in model.contract.columns if c.read_as}
    return {name: read_as[name](table[name]) if name in read_as else table[name] for name in by}


def among_rows(model: Model, table: ir.Table, keys: ir.Table, by: tuple[str, ...]) -> ir.Table:
    """Return the rows of a model whose key is in `keys`, null being a value."""
    wanted = keys.rename(lambda name: f"touched_{name}")
    values = key_values(model, table, by)
    return table.semi_join(wanted, [value.identical_to(wanted[f"touched_{name}"]) for name, value in values.items()])
