"""Write a table or a history: only what differs, so that the same again costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import Query
from lc_ibis.declare.contracts import same_type, verify
from lc_ibis.declare.marks import NEW, OLD
from lc_ibis.declare.models import VERSION_ID, Model, Snapshot
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.relations import stored
from lc_ibis.engine.state.run import Written
from lc_ibis.engine.store import Store
from lc_ibis.errors import ContractError, MassDeleteError

Done = tuple[Written, Changes | None]


@dataclass(frozen=True)
class Writer:
    """Writes the tables of one run.

    `is_settled` says of a model whether what it is made from is as the code now is: then the types of its rows, too.
    """

    program: Program
    store: Store
    run_at: datetime
    is_settled: Callable[[Model], bool]

    def result(self, model: Model, result: Query, old: Query | None, row_count: int) -> Done:
        """Make the stored table, of so many rows, equal to `result`, stamps aside; rows that stay keep their stamps.

        `old` are the stored rows that `result` is to replace, all or those of the touched keys; None for a new table,
        all of which is new. There are no changes where nothing differs, or all is new.
        """
        store, contract = self.store, model.contract
        self._verify(model, result)
        if old is None:
            store.create(model.layer, model.name, contract.types())
            return Written(added_count=store.insert(model.layer, model.name, result)), None
        program, dialect = self.program, self.program.dialect
        found = store.scratch(program.differences(model, "found").over({":result": result, ":stored": old}))
        if not store.count(found):
            return Written(), None
        written, stay_count = self._counts(model, found)
        given = {":found": found, ":stored": old}
        added = program.differences(model, "additions").over(given, self.run_at)
        changes = Changes(dialect.where(found, f"{NEW} < {OLD}"), added)
        # Without a key all copies of a row are deleted; those that stay are put back with their stamps.
        is_short = stay_count and not contract.key()
        survivors = store.scratch(program.differences(model, "survivors").over(given)) if is_short else None
        by = contract.key() or contract.content()
        store.delete(model.layer, model.name, changes.removed, by, row_count)
        if survivors is not None:
            store.insert(model.layer, model.name, survivors)
        store.insert(model.layer, model.name, changes.added)
        return written, changes

    def _counts(self, model: Model, found: Query) -> tuple[Written, int]:
        """Return what differs, and of how many contents that are there too often some rows stay."""
        dialect, keys = self.program.dialect, model.contract.key()
        removed, added = (dialect.where(found, f"{NEW} {sign} {OLD}") for sign in "<>")
        both = dialect.counted(dialect.among(removed, dialect.select(added, keys), keys)) if keys else "0"
        query = dialect.made(
            f"SELECT coalesce(sum(greatest({NEW} - {OLD}, 0)), 0) AS added_count, "
            f"coalesce(sum(greatest({OLD} - {NEW}, 0)), 0) AS removed_count, "
            f"coalesce(sum(CASE WHEN {NEW} < {OLD} AND {NEW} > 0 THEN 1 ELSE 0 END), 0) AS stay_count, "
            f"{both} AS changed_count FROM {found.rows} AS t",
            ("added_count", "removed_count", "stay_count", "changed_count"), found,
        )  # fmt: skip
        [row] = self.store.rows(query)
        added_count, removed_count, stay_count, changed_count = (int(row[name]) for name in query.columns)
        return Written(added_count - changed_count, changed_count, removed_count - changed_count), stay_count

    def versions(
        self, model: Model, rows: Query, held: Query | None, history: Query | None, max_delete_share: float,
        row_count: int,
    ) -> Done:  # fmt: skip
        """Take the accepted rows of this run into the history, which has so many rows. Raises MassDeleteError.

        `history` are the stored versions of the keys that `rows` may hold, all or the touched ones; None for a new
        table.
        """
        store, dialect, program = self.store, self.program.dialect, self.program
        if history is None:
            store.create(model.layer, model.name, model.contract.types())
        whole = stored(store, model)
        given = {":history": whole if history is None else history, ":rows": rows} | ({":held": held} if held else {})
        opened = program.versions(model, "opened").over(given, self.run_at)
        self._verify(model, opened)
        if history is None:
            return Written(added_count=store.insert(model.layer, model.name, opened)), None
        closed = store.scratch(program.versions(model, "closed").over(given, self.run_at))
        opened = store.scratch(opened)
        removed, added = store.count(closed), store.count(opened)
        if removed:
            gone = program.versions(model, "gone").over(given, self.run_at)
            self._guard_mass_delete(model, whole, gone, max_delete_share)
            store.delete(model.layer, model.name, closed, (VERSION_ID,), row_count)
        if not (removed or added):
            return Written(), None
        store.insert(model.layer, model.name, dialect.union(closed, opened))
        before = dialect.with_columns(closed, dbt_valid_to="CAST(NULL AS TIMESTAMP)")
        return Written(added, 0, removed), Changes(before, dialect.union(closed, opened))

    def _guard_mass_delete(self, model: Model, history: Query, gone: Query, most: float) -> None:
        dialect = self.program.dialect
        now = dialect.where(history, "dbt_valid_to IS NULL")
        names = ("current", "gone")
        counted = dialect.made(
            f"SELECT {dialect.counted(now)} AS {dialect.quoted('current')}, {dialect.counted(gone)} AS gone", names,
            history, gone,
        )  # fmt: skip
        [counts] = self.store.rows(counted)
        if counts["gone"] > most * counts["current"]:
            raise MassDeleteError(
                f"{model.name}: {counts['gone']} of {counts['current']} current keys ({', '.join(model.business_key)}) "
                f"are missing from the extract, more than the allowed share of {most:g}. Check the file. "
                "If it is complete, build with --allow-mass-delete."
            )

    def _verify(self, model: Model, query: Query) -> None:
        """Raise ContractError unless the engine gives the contract's columns and types."""
        store, program = self.store, self.program

        def ask() -> list[list[str]]:
            return store.types_of(query)

        is_settled = self.is_settled(model)
        given = program.described(model, store.engine, ask) if is_settled else ask()
        if given != program.types(model, store.engine, store.type_text):
            self._refuse(model, query)

    def _refuse(self, model: Model, query: Query) -> None:
        pipeline = self.program.pipeline()
        live = pipeline[model.name]
        assumed = {**live.contract.schema(), **pipeline.steps[model.name].schema()}
        verify(model.name, model.where, live.contract, self.store.schema_of(query), assumed)


def is_current_shape(program: Program, store: Store, model: Model) -> bool:
    """Say whether the stored table has its contract's columns.

    Raises ContractError for a history that has not: nothing can make it again.
    """
    if store.stored_types(model.layer, model.name) == program.types(model, store.engine, store.type_text):
        return True
    found, expected = store.table(model.layer, model.name).schema(), model.contract.schema()
    fits = tuple(found.names) == tuple(expected.names) and all(
        same_type(found[name], expected[name]) for name in found.names
    )
    if not fits and isinstance(model.kind, Snapshot):
        raise ContractError(
            f"{model.name}: the stored history has {_listed(found)}; contract {model.contract.__name__} says "
            f"{_listed(expected)}. Histories are never rebuilt. Alter the stored table to match the contract (a new "
            "column is null in the past), or keep the old contract."
        )
    return fits


def _listed(schema: Any) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in schema.items())
