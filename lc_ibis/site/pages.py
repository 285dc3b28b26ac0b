"""The pages of the site, by their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lc_ibis.declare.checks import DONE
from lc_ibis.declare.models import Ephemeral, Incremental, Snapshot, Source
from lc_ibis.reporting import drawing
from lc_ibis.reporting.page import SIGNS, State, environment, state
from lc_ibis.site.facts import Facts, TableFacts

HERE = Path(__file__).parent
_KINDS = {
    Source: "source: the extract as received",
    Incremental: "incremental: if an input changes, the affected keys are recomputed",
    Ephemeral: "ephemeral: a step within a build, not stored",
    Snapshot: "snapshot: every version of each row (SCD2)",
}
_DIALECTS = {"duckdb": "DuckDB", "databricks": "Databricks", "pyspark": "Spark"}


def pages(facts: Facts) -> dict[str, str]:
    """Return the text of each file of the site by its path: a page of all tables, one a table, styles, search."""
    made = environment(HERE)
    states = {table.model.name: _state(table) for table in facts.tables if table.model.is_stored}
    links = {table.model.name: f"tables/{table.model.name}.html" for table in facts.tables}
    common: dict[str, Any] = {
        "facts": facts, "layers": list(dict.fromkeys(table.model.layer for table in facts.tables)),
        "states": states, "signs": SIGNS, "words": DONE, "kinds": _KINDS, "dialects": _DIALECTS,
    }  # fmt: skip
    index = made.get_template("index.html.jinja")
    page = made.get_template("table.html.jinja")
    return {
        "index.html": index.render(
            **common, root="", links=links, drawn=drawing.layout(facts.lineage), box=drawing, page=""
        ),
        **{
            links[table.model.name]: page.render(
                **common, root="../", table=table, around=_around(facts, table.model.name), page=table.model.name
            )
            for table in facts.tables
        },
        "site.css": made.get_template("site.css").render(),
        "search.js": made.get_template("search.js").render(entries=json.dumps(list(_entries(facts)))),
    }


def _state(table: TableFacts) -> State:
    if table.report is None:
        return State("no build yet", "no checks run", "skip")
    return state(table.report, table.model.name)


def _around(facts: Facts, table: str) -> dict[str, TableFacts]:
    """Return the tables beside a table by name: those that it is made from, and those made from it."""
    return {each.model.name: each for each in facts.tables if each.model.name != table}


def _entries(facts: Facts) -> Iterator[dict[str, str]]:
    """Yield what can be searched for: tables, columns and checks."""
    for table in facts.tables:
        name, page = table.model.name, f"tables/{table.model.name}.html"
        yield {"name": name, "kind": f"table, {table.model.layer}", "text": table.model.grain, "page": page}
        for each in table.columns:
            column = each.column
            yield {
                "name": f"{name}.{column.name}", "kind": "column", "text": column.description,
                "page": f"{page}#column-{column.name}",
            }  # fmt: skip
        for check in table.model.checks:
            yield {"name": f"{name}: {check.name}", "kind": "check", "text": check.meaning, "page": f"{page}#checks"}
