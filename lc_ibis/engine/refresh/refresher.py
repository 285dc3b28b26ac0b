"""Decide whether a table must be computed, and bring it up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import Query
from lc_ibis.declare.failures import explained
from lc_ibis.declare.models import Model, Snapshot, Source
from lc_ibis.engine.receive.deliveries import Delivery, replacement
from lc_ibis.engine.refresh.retention import let_go
from lc_ibis.engine.refresh.touched import Changes, Keys, Touched
from lc_ibis.engine.refresh.writing import Done, Writer, is_current_shape
from lc_ibis.engine.relations import Relations, stored
from lc_ibis.engine.state.run import Action, Run, TableRun, Written
from lc_ibis.engine.state.state import UNKNOWN, State
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError, ExtractError, SelectionError

# Where more keys are touched than this share of the rows of a table, or of the largest that it reads, computing
# all of them is faster.
MOST_KEYS = 0.25


@dataclass
class Refresher:
    """Refreshes the tables of one run, each after its inputs.

    `delivered` finds what is delivered for a source. `max_delete_share` is the share of a history's
    current keys that may be absent before the extract is taken for a truncated one. Versions that ended before
    `keep_since` are let go. `modified` says when the files of each source were last written.
    """

    program: Program
    store: Store
    state: State
    run: Run
    delivered: Callable[[Model], Delivery]
    fingerprints: Mapping[str, str]
    full_refresh: bool = False
    max_delete_share: float = 0.5
    keep_since: datetime | None = None
    tables: Relations = field(init=False)

    def __post_init__(self) -> None:
        self.graph = self.program.graph
        self.writer = Writer(self.program, self.store, self.run.run_at, self._is_settled)
        self.tables = Relations(self.program, self._found, self.run.run_at, keep=self.store.scratch)
        self.changes: dict[str, Changes] = {}
        self.modified: dict[str, datetime] = {}
        self.touched = Touched(self.program, self.store, self.tables, self.changes)
        self._before = dict(self.state.tables)
        self._existing = self.store.tables()

    def refresh(self, model: Model) -> TableRun:
        """Bring one stored table up to date, if anything that it is made of has changed.

        Raises ContractError, ExtractError, MassDeleteError, DatabaseError.
        """
        started = time.perf_counter()
        code = self.fingerprints[model.name]
        delivery = self.delivered(model) if isinstance(model.kind, Source) else None
        if delivery:
            self.modified[model.name] = delivery.modified_at
        gone = self._let_go(model)
        reason = self._why(model, code, delivery) or ("old versions are let go" if gone else None)
        if reason is None:
            known = self.state.tables[model.name]
            why = f"same files as run {delivery.known_since}" if delivery else "inputs unchanged"
            if known.fingerprint != code:
                self.state.record(model, known.version, code, known.row_count, ())
            return TableRun(model.name, model.layer, model.kind_name, "skipped", why, known.row_count)
        self._refuse_missing(model)
        if isinstance(model.kind, Snapshot):
            self._refuse_two_loads(model)
        old = self.state.tables[model.name] if self._can_be_updated(model) else None
        keys = self._touched_keys(model, code) if old else None
        with explained(model.name, model.where):
            written = self._write(model, old is not None, keys, delivery)
        if gone:
            known_changes = self.changes.get(model.name)
            self.changes[model.name] = self._both(gone, known_changes) if known_changes else gone
        row_count = (old.row_count if old else 0) + written.growth(is_history=isinstance(model.kind, Snapshot))
        version = self.run.run_id if old is None or written.anything or gone else old.version
        self.state.record(model, version, code, row_count, self.graph.stored_inputs[model.name])
        action: Action = "created" if old is None else "updated" if written.anything or gone else "unchanged"
        return TableRun(
            model.name, model.layer, model.kind_name, action, reason, row_count, written,
            keys.count if keys else None, time.perf_counter() - started,
        )  # fmt: skip

    def _both(self, first: Changes, later: Changes) -> Changes:
        """Return what two changes of the same table, of different rows, do together."""
        union = self.program.dialect.union
        return Changes(union(first.removed, later.removed), union(first.added, later.added))

    def _let_go(self, model: Model) -> Changes | None:
        if self.keep_since is None or not isinstance(model.kind, Snapshot):
            return None
        return let_go(self.store, self.state, model, self.keep_since)

    def _why(self, model: Model, code: str, delivery: Delivery | None) -> str | None:
        """Return why a table must be computed; None if it is up to date."""
        known = self.state.tables.get(model.name)
        if known is None:
            return "first build"
        if known.fingerprint == UNKNOWN and not delivery:
            return "the last build was cut off"
        if known.fingerprint not in (code, UNKNOWN):
            return "code or contract changed"
        if delivery and delivery.kind == "delta":
            return None if delivery.known_since else "changed by a delta"
        if delivery:
            return None if delivery.known_since and not self.full_refresh else "compared with the extract"
        if self.full_refresh:
            return "full refresh"
        changed = self.state.outdated_inputs(model.name, self.graph.stored_inputs[model.name])
        looks = "looks at the clock" if model.looks_at_clock else None
        return f"changed: {', '.join(changed)}" if changed else looks

    def _touched_keys(self, model: Model, code: str) -> Keys | None:
        """Return the keys whose rows are to be computed anew; None if all are.

        By key only where every changed input is exactly one step ahead, this run's, of the one that
        the table was built from. So correctness never rests on the short cut.
        """
        known = self.state.tables[model.name]
        if self.full_refresh or not model.by or known.fingerprint != code or isinstance(model.kind, Source):
            return None
        for name in self.state.outdated_inputs(model.name, self.graph.stored_inputs[model.name]):
            if name not in self.changes or known.inputs.get(name) != self._before[name].version:
                return None
        if not self.touched.can_be_followed(model):
            return None
        keys = self.touched.keys(model)
        read = (model.name, *self.graph.stored_inputs[model.name])
        most = MOST_KEYS * max(self.state.tables[name].row_count for name in read)
        return keys if keys.count <= most else None

    def _refuse_missing(self, model: Model) -> None:
        """Refuse to compute a table while one that it reads is not there."""
        for name in self.graph.stored_inputs[model.name]:
            if name not in self.state.tables:
                raise DatabaseError(
                    f"{name} is not built yet, but {model.name} reads it. "
                    f"Select upstream tables too: --select +{model.name}."
                )

    def _refuse_two_loads(self, model: Model) -> None:
        """Refuse to take rows into a history whose inputs were made from different versions of a table.

        Rows of one load and refusals of another would look like deletions, and a history cannot be made again.
        """
        made_from: dict[str, tuple[str, int]] = {}
        for name in self.graph.stored_inputs[model.name]:
            for ground, version in self.state.tables[name].inputs.items():
                other, known = made_from.setdefault(ground, (name, version))
                if version != known:
                    older = name if version < known else other
                    raise SelectionError(
                        f"{model.name}: {older} was built from another load of {ground} than its other inputs, and a "
                        f"history must be built from one load. Select {older} too."
                    )

    def _can_be_updated(self, model: Model) -> bool:
        """Say whether the stored table can be updated, or must be made anew; refuse one of others' making."""
        exists = (model.layer, model.name) in self._existing
        if exists and model.name not in self.state.tables:
            if self.store.interrupted_at:
                return False  # of a first build that was cut off
            raise DatabaseError(
                f"{model.layer}.{model.name}: this table already exists and was not created by lc-ibis. "
                "Build into another database with --database."
            )
        return exists and is_current_shape(self.program, self.store, model)

    def _write(self, model: Model, exists: bool, keys: Keys | None, delivery: Delivery | None) -> Written:
        if keys and not keys.count:
            return Written()
        inputs = self.touched.narrowed(keys) if keys else self.tables
        old = None
        if exists:
            old = self.touched.rows(model, keys) if keys else stored(self.store, model)
        if delivery:
            written, changes = self._write_delivery(model, old, delivery)
        else:
            result = inputs.computed(model)
            result = self.touched.asked(model, result, keys) if keys else result
            if isinstance(model.kind, Snapshot):
                written, changes = self._write_versions(model, model.kind, result, inputs, keys, old)
            else:
                written, changes = self.writer.result(model, result, old, self._row_count(model))
        self._existing.add((model.layer, model.name))
        self.tables.forget(model.name)
        if changes:
            self.changes[model.name] = changes
        return written

    def _is_settled(self, model: Model) -> bool:
        """Say whether what a model is made from was made by the code as it is now."""
        tables = (self.state.tables.get(name) for name in self.graph.stored_inputs[model.name])
        codes = (self.fingerprints.get(name) for name in self.graph.stored_inputs[model.name])
        return all(table and table.fingerprint == code for table, code in zip(tables, codes, strict=True))

    def _row_count(self, model: Model) -> int:
        known = self.state.tables.get(model.name)
        return known.row_count if known else 0

    def _write_versions(
        self, model: Model, kind: Snapshot, rows: Query, inputs: Relations, keys: Keys | None, old: Query | None
    ) -> Done:
        held = inputs[kind.held] if kind.held else None
        if keys and held is not None:
            held = self.touched.asked(model, held, keys)
        most = 1.0 if kind.may_shrink else self.max_delete_share
        return self.writer.versions(model, rows, held, old, most, self._row_count(model))

    def _write_delivery(self, model: Model, old: Query | None, delivery: Delivery) -> Done:
        known = self.state.tables.get(model.name)
        if delivery.kind == "delta" and (
            old is None or not known or known.fingerprint not in (self.fingerprints[model.name], UNKNOWN)
        ):
            raise ExtractError(
                f"{delivery.names or model.name}: a delta needs rows to change, but {model.name} is empty or was "
                "built by other code. Build once from the whole extract with --delivery full."
            )
        before = known.row_count if known and old is not None else 0
        with self.store.reading(delivery.files) as parts:
            if delivery.kind == "full" or old is None:
                received = self.program.dialect.union(*parts)
            else:
                replaced = replacement(self.program, self.store, model, delivery, parts, old)
                old, received = replaced.old, replaced.new
            result = self.tables.computed(model, received)
            if delivery.kind == "full" and old is not None:
                result, old = self.store.unlike(result, old, model.contract.content(), before)
            written, changes = self.writer.result(model, result, old, before)
        if before + written.growth(is_history=False) == 0:
            what = "the deltas delete every row" if delivery.kind == "delta" else "the extract has no rows"
            raise ExtractError(f"{delivery.names}: {what}, which would close every key. Deliver the complete file.")
        if written.anything or delivery.kind == "delta":
            self.state.taken.take(model, delivery, self.run.run_id)
        return written, changes

    def _found(self, model: Model) -> Query | None:
        return stored(self.store, model) if model.is_stored else None
