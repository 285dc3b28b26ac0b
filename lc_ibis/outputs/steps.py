"""Output files that follow their table by one step: the CSV file of before, its changed lines replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import ROWS
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.engine.refresh.touched import Changes
from lc_ibis.engine.state.records import FileRecord, TableRecord
from lc_ibis.engine.store import Store
from lc_ibis.files.whole import beside, remove
from lc_ibis.outputs.csv_lines import KeyColumn
from lc_ibis.outputs.splicing import spliced

# Of a smaller table the whole file is written as fast.
LEAST_ROWS = 100_000
# Types whose text no version of DuckDB writes otherwise than another, and whose order is told by their text.
_PLAIN = ("string", "int64", "int32", "decimal", "boolean", "date", "timestamp")


@dataclass(frozen=True)
class Steps:
    """What a run did to tables, and how they were before it."""

    changes: Mapping[str, Changes]
    before: Mapping[str, TableRecord]

    def written(
        self, store: Store, program: Program, model: Model, place: Path, to: Path, known: FileRecord | None
    ) -> str | None:
        """Write the CSV file of a table from the one in its place; return its sha256.

        Returns None, and leaves nothing, where that file is not known to be of the step before, or is as well written
        whole: the `known` record of a file is of its table's version before. Raises OSError.
        """
        changes, before = self.changes.get(model.name), self.before.get(model.name)
        key = _key(model)
        if not (changes and before and known and key) or known.is_neutralised or before.row_count < LEAST_ROWS:
            return None
        if known.version != before.version or any(_base(c.type_name) not in _PLAIN for c in model.contract.columns):
            return None
        sql, names = store.dialect, [name for name in model.contract.names() if name in changes.removed.columns]
        removed, added = beside(to.with_name(f"{to.name}.removed")), beside(to.with_name(f"{to.name}.added"))
        try:
            store.write_file(sql.ordered(sql.select(changes.removed, names), key), removed, "csv")
            store.write_file(program.ordered(model).over({ROWS: changes.added}), added, "csv")
            types = model.contract.types()
            columns = [KeyColumn(name, _base(types[name]).capitalize()) for name in key]
            return spliced(place, to, columns, removed, added, known.sha256, before.row_count)
        finally:
            remove(removed)
            remove(added)


def _key(model: Model) -> tuple[str, ...]:
    """Return what a file is ordered by, which is a key; nothing where there is none."""
    history = (*model.business_key, "dbt_valid_from")
    return history if isinstance(model.kind, Snapshot) else model.contract.key()


def _base(type_name: str) -> str:
    return type_name.partition("(")[0]
