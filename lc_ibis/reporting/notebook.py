"""What a notebook shows of a warehouse, a table and a run: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lc_ibis.declare.checks import DONE
from lc_ibis.declare.models import Model
from lc_ibis.reporting import drawing
from lc_ibis.reporting.page import SIGNS, State, environment, verdict


def graph(tables: Sequence[Mapping[str, Any]], row_counts: Mapping[str, int]) -> str:
    """Return the picture of a lineage, each table with its rows; as `Pipeline.lineage` has it."""
    states = {
        entry["table"]: State(
            f"{row_counts[entry['table']]:,} rows" if entry["table"] in row_counts else "not built yet", "", "skip"
        )
        for entry in tables
    }
    drawn = drawing.layout(tables)
    return environment().get_template("notebook.html.jinja").render(
        lineage=tables, drawn=drawn, box=drawing, states=states, model=None, rows=[]
    )  # fmt: skip


def table(model: Model, rows: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return what a table is, its key, and its first rows."""
    meanings = {column.name: column.description for column in model.contract.columns}
    return environment().get_template("notebook.html.jinja").render(
        model=model, rows=rows, count=count, meanings=meanings
    )  # fmt: skip


def run(report: Mapping[str, Any]) -> str:
    """Return the head of a report: its verdict, its counts, and what warns or failed."""
    changed = [table for table in report["tables"] if table["action"] in ("created", "updated")]
    return environment().get_template("notebook_run.html.jinja").render(
        report=report, verdict=_told(report), changed=changed, signs=SIGNS, words=DONE,
        stale=[found for found in report["freshness"] if found["status"] != "pass"],
    )  # fmt: skip


def _told(report: Mapping[str, Any]) -> Mapping[str, str]:
    # A build that fails raises, so what failed without an error is a test, which publishes nothing anyway.
    if report["status"] == "failed" and not report["error"]:
        return {
            "status": "fail",
            "title": f"Failed checks: {report['failed']:,}",
            "text": "All stored tables were checked.",
        }
    return verdict(report)
