"""Which keys the changes of a run touch, and the inputs narrowed to those keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lc_ibis.compiled.program import KeyQueries, Program
from lc_ibis.compiled.queries import ROWS, Query
from lc_ibis.declare.models import Model
from lc_ibis.engine.relations import Relations
from lc_ibis.engine.store import Store


@dataclass(frozen=True)
class Changes:
    """What one run did to a table: the rows that it lost and gained, as they were and are.

    A row that changed is in both.
    """

    removed: Query
    added: Query


@dataclass(frozen=True, eq=False)
class Keys:
    """Some values of the key columns, each once, null being a value; no table where there are none."""

    queries: KeyQueries
    table: Query | None
    count: int

    @property
    def by(self) -> tuple[str, ...]:
        return self.queries.by


class Touched:
    """The keys that the changes of one run touch, by model; `tables` are the tables as they are now."""

    def __init__(self, program: Program, store: Store, tables: Relations, changes: Mapping[str, Changes]):
        self._program, self._store, self._tables, self._changes = program, store, tables, changes
        self._keys: dict[KeyQueries, Keys] = {}
        self._narrowed: dict[Keys, Relations] = {}

    def keys(self, model: Model) -> Keys:
        """Return the keys of a model whose rows may differ, as its inputs changed."""
        queries = self._program.keys(model)
        if queries not in self._keys:
            pieces = [
                lead.keys.over({**self._tables_of(lead.keys.reads), ROWS: rows})
                for lead in queries.leads
                if (changes := self._changes.get(lead.table))
                for rows in (changes.removed, changes.added)
            ]
            self._keys[queries] = self._collected(queries, pieces)
        return self._keys[queries]

    def _tables_of(self, names: frozenset[str]) -> dict[str, Query]:
        return {name: self._tables[name] for name in names if name != ROWS}

    def _collected(self, queries: KeyQueries, pieces: list[Query]) -> Keys:
        if not pieces:
            return Keys(queries, None, 0)
        table = self._store.scratch(self._program.dialect.union(*pieces, is_distinct=True))
        return Keys(queries, table, self._store.count(table))

    def can_be_followed(self, model: Model) -> bool:
        """Say whether no row can fail on the way to the keys of a model, where failing is no null."""
        return self._program.keys(model).can_be_followed

    def narrowed(self, keys: Keys) -> Relations:
        """Return the pipeline's tables, narrowed to the rows that lead to the keys where all of theirs are told."""
        if keys not in self._narrowed:
            narrow = keys.queries.narrow.keys()

            def found(model: Model) -> Query | None:
                if model.name in narrow:
                    assert keys.table is not None
                    rows = self._program.narrowed(keys.queries, model.name, self._tables[model.name], keys.table)
                    kept: Query = self._store.scratch(rows)
                    return kept
                is_apart = model.is_stored or not narrow & set(self._program.graph.stored_inputs[model.name])
                return self._tables[model.name] if is_apart else None

            self._narrowed[keys] = self._tables.over(found)
        return self._narrowed[keys]

    def rows(self, model: Model, keys: Keys) -> Query:
        """Return the rows of a stored table that have one of the keys, as they are now."""
        assert keys.table is not None
        rows: Query = self._store.scratch(self._program.among(model, self._tables[model.name], keys.table, keys.by))
        return rows

    def asked(self, model: Model, result: Query, keys: Keys) -> Query:
        """Return the rows of a result over the narrowed tables that have one of the keys."""
        assert keys.table is not None
        return self._program.among(model, result, keys.table, keys.by) if keys.queries.gives_others else result
