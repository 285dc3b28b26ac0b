"""Fingerprints of code: what changed since a table was built, or a check was run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.checks import counts
from lc_ibis.declare.contracts import NO_RUN, any_moment
from lc_ibis.declare.marks import RUN_AT, mark
from lc_ibis.declare.pipeline import Pipeline, Tables, unbound
from lc_ibis.declare.rules.functions import told


def fingerprints(pipeline: Pipeline) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fingerprints of the models, and of their checks.

    A model's is of its SQL (so of its helpers too), kind and contract, and of the ephemeral steps that it reads.

    In the SQL, Python functions are named by what they do. The contract's version is left out: it changes no row, so
    that a table need not be computed for it.
    """
    models: dict[str, str] = {}
    for model in pipeline:
        sql = _sql(pipeline.steps[model.name])
        steps = [models[name] for name in model.inputs if not pipeline[name].is_stored]
        columns = [(c.name, str(c.type), c.is_nullable, c.is_key, c.is_stamp) for c in model.contract.columns]
        models[model.name] = _sha256(part.encode() for part in (sql, repr(model.kind), repr(columns), *steps))
    tables = Tables(pipeline, unbound, any_moment())
    checks = {}
    for model in (m for m in pipeline if m.checks):
        sql = _sql(counts(model.checks, tables[model.name], tables))
        checks[model.name] = _sha256([sql.encode(), repr([c.severity for c in model.checks]).encode()])
    return models, checks


def _sql(query: ir.Table) -> str:
    sql = ibis.to_sql(query, dialect="duckdb", pretty=False)
    return told(query, sql.replace(mark(RUN_AT), NO_RUN.isoformat(" ")))


def _sha256(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
