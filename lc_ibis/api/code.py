"""What is known without a database: the models, their SQL, their names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lc_ibis import project
from lc_ibis.compiled import shown
from lc_ibis.compiled.dialects import DIALECTS, written
from lc_ibis.compiled.program import program as of_pipeline
from lc_ibis.compiled.queries import Dialect
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.naming import Breach, breaches
from lc_ibis.declare.pipeline import query
from lc_ibis.declare.selection import select as selected
from lc_ibis.errors import SettingsError
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


def lint(**options: Unpack[Options]) -> list[Breach]:
    """Return the table and column names that violate the naming conventions, each with its file and line.

    Needs no database. `options` are the fields of Settings. Raises SettingsError, ModelError.
    """
    from lc_ibis.layers.columns import ABBREVIATIONS

    return list(breaches(project.load(Settings.load(**options)), ABBREVIATIONS))


def compile(dialect: str = "duckdb", by_key: bool = False, **options: Unpack[Options]) -> dict[str, str]:
    """Return the SQL of the selected models by name, with ephemeral models inlined. Needs no database.

    With `by_key`, return what a build runs to update each of them by key, as statements with comments: {name} stands
    where the rows of a table come in, {run_at} for the run's time.

    Run times appear as the literal 1970-01-01. The SQL of a snapshot computes the rows that its history tracks.
    `options` are the fields of Settings. Raises SettingsError, SelectionError, ModelError.
    """
    if dialect not in DIALECTS:
        raise SettingsError(f"dialect: {dialect!r} is not one of {', '.join(DIALECTS)}.")
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    names = selected(pipeline, settings.select, settings.exclude)
    if by_key:
        program = of_pipeline(pipeline, Dialect(dialect))
        return {name: shown.by_key(program, pipeline[name]) for name in names}
    run_at = moment(datetime(1970, 1, 1))
    return {name: written(query(pipeline, pipeline[name], run_at), dialect) for name in names}


@dataclass(frozen=True)
class Listed:
    """A model in the code; `grain` is what a row is, `inputs` the models that it reads."""

    name: str
    layer: str
    kind: str
    grain: str
    inputs: tuple[str, ...]


def ls(**options: Unpack[Options]) -> list[Listed]:
    """Return the selected models, in the order of the graph.

    Needs no database. `options` are the fields of Settings. Raises SettingsError, SelectionError, ModelError.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    models = [pipeline[name] for name in selected(pipeline, settings.select, settings.exclude)]
    return [Listed(model.name, model.layer, model.kind_name, model.grain, model.inputs) for model in models]
