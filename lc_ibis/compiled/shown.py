"""The statements of a build, for reading: templates as they are run, {name} where the rows of a table come in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot

from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import MARKED, Dialect, Template
from lc_ibis.declare.models import Model, Snapshot, Source


def by_key(program: Program, model: Model) -> str:
    """Return the SQL by which a build updates a table where few of its rows can have changed, with comments."""
    return "\n\n".join(f"-- {title}\n{_shown(sql, program.dialect)};" for title, sql in _statements(program, model))


def _statements(program: Program, model: Model) -> Iterator[tuple[str, Template]]:
    if model.is_stored and model.by and not isinstance(model.kind, Source):
        keys = program.keys(model)
        by = ", ".join(keys.by)
        for lead in keys.leads:
            yield f"{by}: the keys to which {{rows}} lead, which {lead.table} lost or gained", lead.keys
        for table, ways in keys.narrow.items():
            for way in ways:
                yield f"{table}: its rows that lead to {{keys}}, in place of the whole table below", way
    yield f"{model.name}: its rows", program.rows(model)
    if isinstance(model.kind, Snapshot):
        yield "versions that end, of {history}, the stored versions of these keys", program.versions(model, "closed")
        yield "versions that begin", program.versions(model, "opened")
    elif model.is_stored:
        yield "what differs: {result} are its rows, {stored} the stored ones", program.differences(model, "found")
        yield "the rows to insert, once {found}, what differs, is deleted", program.differences(model, "additions")


def _shown(template: Template, dialect: Dialect) -> str:
    """Return a template's SQL, line by line."""
    names = list(dict.fromkeys(MARKED.findall(template.sql)))
    marked = MARKED.sub(lambda found: f"given_{names.index(found[1])}_", template.sql)
    parsed = sqlglot.parse_one(marked, dialect=DIALECTS[dialect.name])
    sql = parsed.sql(DIALECTS[dialect.name], pretty=True)
    return re.sub(r"given_(\d+)_", lambda found: f"{{{names[int(found[1])].lstrip(':')}}}", sql)
