"""The SQL of every model in every dialect: docs/sql holds it, and a test of the house that it is up to date."""

from __future__ import annotations

import pytest
import sqlglot

import lc_ibis
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.layers import pipeline
from tests import ROOT

PAGES = ROOT / "docs" / "sql"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_is_one_query_that_its_dialect_knows(dialect: str) -> None:
    compiled = lc_ibis.compile(dialect)
    assert list(compiled) == [model.name for model in pipeline]
    for name, sql in compiled.items():
        [query] = sqlglot.parse(sql, dialect="spark" if dialect == "pyspark" else dialect)
        assert isinstance(query, sqlglot.exp.Query), name
        assert f"\n-- {name}\n{sql};\n" in (PAGES / f"{dialect}.sql").read_text(encoding="utf-8")
