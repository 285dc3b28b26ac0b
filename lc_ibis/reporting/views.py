"""What a notebook shows of itself: a run as the head of its report, a table as what a row is and the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lc_ibis.declare.models import Model
from lc_ibis.engine.state.run import Run
from lc_ibis.engine.store import Store

if TYPE_CHECKING:
    import ibis.expr.types as ir


class ShownRun(Run):
    """A run, and what a notebook shows of it; the engine knows of no pages."""

    def _repr_html_(self) -> str:
        """The verdict, the counts, and what warns or failed."""
        from lc_ibis.reporting import notebook, report

        return notebook.run(report.document(self))


class View:
    """A table of a warehouse, to look at. Its rows are an Ibis table: `view.table`, whose methods are its own."""

    FIRST = 10

    def __init__(self, model: Model, table: ir.Table, store: Store):
        self.model, self.table, self._store = model, table, store

    def __getattr__(self, name: str) -> Any:
        # Names with _ are asked for by notebooks and by copying, of what is not theirs.
        if name.startswith("_") or name == "table":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.table, name)

    def __getitem__(self, what: Any) -> Any:
        """Return what the Ibis table returns: a column, some columns, or some rows."""
        return self.table[what]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.table)})

    def _rows(self) -> list[dict[str, Any]]:
        return self._store.rows(self.model.ordered(self.table).limit(self.FIRST))

    def __repr__(self) -> str:
        return f"{self.model.layer}.{self.model.name}: {self.model.grain} {self._store.count(self.table):,} rows"

    def _repr_html_(self) -> str:
        from lc_ibis.reporting import notebook

        return notebook.table(self.model, self._rows(), self._store.count(self.table))
