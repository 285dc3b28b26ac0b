"""What a notebook shows of a warehouse and of a table: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lc_ibis.engine.model import Model
from lc_ibis.quality import lineage
from lc_ibis.quality.page import State, environment


def graph(tables: Sequence[Mapping[str, Any]], row_counts: Mapping[str, int]) -> str:
    """Return the picture of a lineage, each table with its rows; as `Pipeline.lineage` has it."""
    states = {
        entry["table"]: State(
            f"{row_counts[entry['table']]:,} rows" if entry["table"] in row_counts else "not built yet", "", "skip"
        )
        for entry in tables
    }
    drawn = lineage.layout(tables)
    return environment().get_template("notebook.html.jinja").render(
        lineage=tables, drawn=drawn, box=lineage, states=states, model=None, rows=[]
    )  # fmt: skip


def table(model: Model, rows: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return what a table is, its key, and its first rows."""
    meanings = {column.name: column.description for column in model.contract.columns}
    return environment().get_template("notebook.html.jinja").render(
        model=model, rows=rows, count=count, meanings=meanings
    )  # fmt: skip
