"""The SQL of every model in every dialect: docs/sql holds it, and a test of the house that it is up to date."""

from __future__ import annotations

import pytest
import sqlglot

import lc_ibis
from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.backends.duckdb.text import DIALECT
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.compiled.program import program
from lc_ibis.compiled.queries import MARKED
from lc_ibis.engine.refresh import refresher
from lc_ibis.layers import pipeline
from tests import ROOT
from tests.conftest import Lending
from tests.torture import cases

PAGES = ROOT / "docs" / "sql"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_is_one_query_that_its_dialect_knows(dialect: str) -> None:
    compiled = lc_ibis.compile(dialect)
    assert list(compiled) == [model.name for model in pipeline]
    for name, sql in compiled.items():
        [query] = sqlglot.parse(sql, dialect="spark" if dialect == "pyspark" else dialect)
        assert isinstance(query, sqlglot.exp.Query), name
        assert f"\n-- {name}\n{sql};\n" in (PAGES / f"{dialect}.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_build_runs_by_key_is_shown(dialect: str) -> None:
    compiled = lc_ibis.compile(dialect, by_key=True)
    assert list(compiled) == [model.name for model in pipeline]
    shown = compiled["account_summary"]
    assert "-- account_id: the keys to which {rows} lead, which int_savings_account_only lost or gained" in shown
    assert "FROM {int_savings_account_only}" in shown
    assert "CAST('{run_at}' AS TIMESTAMP" in shown
    # A source is compared whole, and a step is never stored.
    assert "{keys}" not in compiled["src_account"]
    assert "{stored}" not in compiled["account_cleaned"]


def test_what_is_shown_is_what_is_run(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher, "MOST_KEYS", float("inf"))
    ran: list[str] = []
    run = DuckDB._run
    monkeypatch.setattr(DuckDB, "_run", lambda self, sql, *aside: ran.append(sql) or run(self, sql, *aside))
    for day in (1, 2):
        lending.load(cases.customers(day), cases.accounts(day))
    for text in ("found", "additions"):
        template = program(pipeline, DIALECT).differences(pipeline["account_summary"], text)
        parts = [part for part in MARKED.split(template.sql)[::2] if len(part) > 40]
        assert any(all(part in sql for part in parts) for sql in ran), text
