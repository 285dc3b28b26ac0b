"""The pipeline's tables as queries of a store, made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import RECEIVED, Query
from lc_ibis.declare.models import Model
from lc_ibis.engine.store import Store


def stored(store: Store, model: Model) -> Query:
    """Return the rows of a stored table, as they are now."""
    return store.stored(model.layer, model.name, model.contract.names())


def as_they_are(program: Program, store: Store, now: datetime) -> Relations:
    """Return the tables of a program as they are stored; what is not is computed, as of now."""

    def found(model: Model) -> Query | None:
        return stored(store, model) if model.is_stored else None

    return Relations(program, found, now)


class Relations(Mapping[str, Query]):
    """The rows of each model.

    `found` returns where a model's rows are, or None to compute them from its inputs. `keep` stores a query that
    several models or checks read, so that it runs once.
    """

    def __init__(
        self,
        program: Program,
        found: Callable[[Model], Query | None],
        run_at: datetime,
        keep: Callable[[Query], Query] = lambda query: query,
    ):
        self._program, self._found, self._run_at, self._keep = program, found, run_at, keep
        self._graph = program.graph
        self._made: dict[str, Query] = {}

    def __getitem__(self, name: str) -> Query:
        if name not in self._made:
            self._made[name] = self._make(self._graph[name])
        return self._made[name]

    def _make(self, model: Model) -> Query:
        found = self._found(model)
        if found is not None:
            return found
        made = self.computed(model)
        return self._keep(made) if len(self._graph.children[model.name]) > 1 or model.checks else made

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.models)

    def __len__(self) -> int:
        return len(self._graph.models)

    def forget(self, name: str) -> None:
        """Have a table looked up again, after it was created or replaced."""
        self._made.pop(name, None)

    def over(self, found: Callable[[Model], Query | None]) -> Relations:
        """Return the same tables, others being found."""
        return Relations(self._program, found, self._run_at, self._keep)

    def computed(self, model: Model, received: Query | None = None) -> Query:
        """Return the rows that a model's function makes of its inputs; of a source's, of what is `received`."""
        rows = self._program.rows(model)
        given = {name: self[name] for name in rows.reads if name != RECEIVED}
        return rows.over(given | ({RECEIVED: received} if received else {}), self._run_at)
