"""The old received rows as extracts: all text, in a directory of the migration, to be built like any other."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import MigrationError
from lc_ibis.files.whole import write_whole
from lc_ibis.migrations.old import OldDatabase, Relation


def sources(pipeline: Pipeline) -> list[Model]:
    """Return the pipeline's sources."""
    return [model for model in pipeline if isinstance(model.kind, Source)]


def export(old: OldDatabase, pipeline: Pipeline, directory: Path) -> None:
    """Write the rows that the old database received as a Parquet file a source. Raises MigrationError, OutputError."""
    for model in sources(pipeline):
        assert isinstance(model.kind, Source)
        write_whole(directory / f"{model.kind.file}.parquet", partial(old.write, received(old, model)))


def received(old: OldDatabase, model: Model) -> str:
    """Return the query for a source's old rows, as text under the extract's headers."""
    relation = old.source(model.name)
    columns = {header: _column(relation, name, header) for name, header in model.contract.headers().items()}
    missing = [header for header, column in columns.items() if column is None]
    if missing:
        raise MigrationError(
            f"{old.path}: {relation} has the columns {', '.join(relation.columns)}; there is no {', '.join(missing)}. "
            "Add the column, or replace the table with a view that has it."
        )
    texts = (f"{text(c, relation.columns[c])} AS {quoted(header)}" for header, c in columns.items() if c)
    return f"SELECT {', '.join(texts)} FROM {old.sql(relation)}"


def left_out(old: OldDatabase, model: Model) -> list[str]:
    """Return the old columns of a source that no column of ours takes."""
    relation = old.source(model.name)
    taken = {_column(relation, name, header) for name, header in model.contract.headers().items()}
    return [name for name in relation.columns if name not in taken and name != "loaded_at"]


def _column(relation: Relation, name: str, header: str) -> str | None:
    return relation.column(header) or relation.column(name)


def text(column: str, type_: str) -> str:
    """Return a column as text that reads as the same value: a double as its shortest decimal, without exponent."""
    as_text = f"CAST({quoted(column)} AS VARCHAR)"
    return _without_exponent(as_text) if type_ in ("DOUBLE", "FLOAT") else as_text


def _without_exponent(number: str) -> str:
    """-1.25e-07 is -0.000000125, 1.5e+16 is 15000000000000000; NaN and infinity stay as they are."""
    mantissa, power = f"split_part({number}, 'e', 1)", f"CAST(split_part({number}, 'e', 2) AS INTEGER)"
    digits = f"replace(ltrim({mantissa}, '-'), '.', '')"
    sign = f"CASE WHEN {number} LIKE '-%' THEN '-' ELSE '' END"
    # From 1e16 on, which is where an exponent begins, a double has no more than 17 digits and no fraction.
    return (
        f"CASE WHEN NOT regexp_matches({number}, 'e[+-]') THEN {number} "
        f"WHEN {power} < 0 THEN {sign} || '0.' || repeat('0', -{power} - 1) || {digits} "
        f"ELSE {sign} || rpad({digits}, CAST(greatest({power} + 1, length({digits})) AS INTEGER), '0') END"
    )
