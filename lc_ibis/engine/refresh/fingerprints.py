"""Fingerprints of code: what changed since a table was built, or a check was run."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.checks import counts
from lc_ibis.declare.contracts import NO_RUN, any_moment
from lc_ibis.declare.marks import RUN_AT, mark
from lc_ibis.declare.pipeline import Pipeline, Tables, unbound
from lc_ibis.declare.rules.functions import told
from lc_ibis.engine.state.state import State

PACKAGE = Path(__file__).parents[2]
_LIBRARIES = ("ibis-framework", "sqlglot")


@dataclass(frozen=True)
class Fingerprints:
    """By model: the sha256 of what makes its rows, and of what makes its checks; and that of the whole program."""

    models: dict[str, str]
    checks: dict[str, str]
    program: str = ""

    def are_all_in(self, state: State) -> bool:
        """Say whether all that the state knows was made and checked by this program, not by one before it."""
        return all(table.fingerprint == self.models.get(name) for name, table in state.tables.items()) and all(
            check.fingerprint == self.checks.get(table) for (table, _), check in state.checks.items()
        )


def fingerprints(pipeline: Pipeline, state: State) -> Fingerprints:
    """Return the fingerprints of a pipeline's models.

    They are taken from the state where all of it is this program's work; to make them anew takes a third of a second.
    """
    program = _program(pipeline)
    known = _known(pipeline, state, program) if program and program == state.code else None
    return known or replace(_computed(pipeline), program=program)


def _known(pipeline: Pipeline, state: State, program: str) -> Fingerprints | None:
    models = {name: table.fingerprint for name, table in state.tables.items()}
    checks = {table: check.fingerprint for (table, _), check in state.checks.items()}
    stored = {m.name for m in pipeline if m.is_stored}
    checked = {m.name for m in pipeline if m.checks}
    return Fingerprints(models, checks, program) if stored <= set(models) and checked <= set(checks) else None


@functools.cache
def _program(pipeline: Pipeline) -> str:
    """Return the sha256 of the program's files; empty where the pipeline is not made of them alone."""
    if not pipeline.modules or not all(module.__name__.startswith("lc_ibis.") for module in pipeline.modules):
        return ""
    files = sorted(PACKAGE.rglob("*.py"))
    versions = [f"{name} {version(name)}".encode() for name in _LIBRARIES]
    return _sha256(
        [
            *versions,
            *(part for file in files for part in (file.relative_to(PACKAGE).as_posix().encode(), file.read_bytes())),
        ]
    )


@functools.cache
def _computed(pipeline: Pipeline) -> Fingerprints:
    """A model's is of its SQL (so of its helpers too), kind and contract, and of the ephemeral steps that it reads.

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
    return Fingerprints(models, checks)


def _sql(query: ir.Table) -> str:
    sql = ibis.to_sql(query, dialect="duckdb", pretty=False)
    return told(query, sql.replace(mark(RUN_AT), NO_RUN.isoformat(" ")))


def _sha256(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
