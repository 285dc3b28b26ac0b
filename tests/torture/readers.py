"""The readers and the staging of the pipeline, without the rest of a build: hundreds of inputs in a second."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Tables
from lc_ibis.engine.receive.deliveries import Taken
from lc_ibis.engine.store import Files
from lc_ibis.layers import pipeline

_LAYER = "source"


class Readers:
    """A scratch database that receives extracts, and judges their rows."""

    def __init__(self, database: Path):
        self.sources = [model for model in pipeline if isinstance(model.kind, Source)]
        self.store = DuckDB(database)
        moment = ibis.timestamp("2026-01-01").cast("timestamp(6)")
        for model in self.sources:
            self.store.create(_LAYER, model.name, model.contract.types())
        self.tables = Tables(pipeline, self._stored, moment)
        self.judged = {model.name: self._judged(model) for model in self.sources}

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.discard()
        self.store.close()

    def _stored(self, model: Model) -> ir.Table | None:
        return self.store.table(_LAYER, model.name) if isinstance(model.kind, Source) else None

    def _judged(self, model: Model) -> ir.Table:
        """Return how many rows are accepted or refused, as a query that is compiled once."""
        name = model.name.removeprefix("src_")
        sides = [self.tables.computed(pipeline[f"{kind}_{name}"]) for kind in ("stg", "quarantine_stg")]
        return ibis.union(*(side.aggregate(n=side.count()) for side in sides), distinct=False)

    def read(self, model: Model, inputs: Path) -> tuple[list[Files], Counter[tuple[str | None, ...]], int]:
        """Return a source's files, the rows that they hold, and how many were accepted or refused."""
        names = list(model.contract.headers())
        delivery = Taken().find(model, inputs, None, "full")
        sql = self.store.dialect
        with self.store.reading(delivery.files) as parts:
            received = sql.union(*(sql.select(part, names) for part in parts))
            loaded_at = sql.moment(datetime(2026, 1, 1))
            self.store._run(f'DELETE FROM "{_LAYER}"."{model.name}"')
            self.store.insert(_LAYER, model.name, sql.with_columns(received, loaded_at=loaded_at))
        stored = self.store.rows(self.store.table(_LAYER, model.name))
        rows = Counter(tuple(row[name] for name in names) for row in stored)
        return delivery.files, rows, sum(row["n"] for row in self.store.rows(self.judged[model.name]))
