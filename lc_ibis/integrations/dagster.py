"""Dagster: an asset a table, its checks as asset checks, a job, a schedule, and a sensor on new files.

dagster dev -m lc_ibis.integrations.dagster
"""

# Annotations are looked at by Dagster, so they are not postponed.
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

import lc_ibis
from lc_ibis import project
from lc_ibis.api.report import page_of
from lc_ibis.compiled.queries import Dialect
from lc_ibis.declare.checks import Check
from lc_ibis.declare.column_lineage import column_lineage
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.receive.extracts import delivered
from lc_ibis.errors import ChecksFailed, DatabaseInUse, LcIbisError
from lc_ibis.files.documents import to_json
from lc_ibis.reporting import report
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

REPORT = "quality_report"
_FILES = "_files"
_Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


class BuildConfig(dg.Config):
    """What a run may be told, as the flags of lc-ibis build."""

    full_refresh: bool = False
    verify: bool = False
    allow_mass_delete: bool = False
    allow_replay: bool = False


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project in the current directory, for dagster -m."""
    return definitions()


def definitions(
    owners: Sequence[str] = (),
    cron_schedule: str = "0 6 * * *",
    interval_seconds: int = 60,
    **options: "Unpack[Options]",
) -> dg.Definitions:
    """Return assets, asset checks, a job, a schedule and a sensor for a project.

    `owners` are people or teams, like ann@bank.example or team:lending. The schedule and the sensor, which looks at the
    extracts every `interval_seconds`, are off until switched on. `options` are the fields of Settings.
    Raises SettingsError, ModelError.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    job = dg.define_asset_job(
        "lc_ibis_build", selection="*", description="Bring all tables and files up to date with the extracts."
    )
    return dg.Definitions(
        assets=[_assets(pipeline, settings, list(owners), options)],
        jobs=[job],
        schedules=[dg.ScheduleDefinition(name="lc_ibis_daily", job=job, cron_schedule=cron_schedule)],
        sensors=[_sensor(pipeline, settings, job, interval_seconds)],
    )


# What there is --------------------------------------------------------------------------------------


def _assets(pipeline: Pipeline, settings: Settings, owners: list[str], options: "Options") -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="lc_ibis",
        specs=[*_tables(pipeline, settings, owners, options), *_others(pipeline, owners)],
        check_specs=[_check_spec(asset, name, check) for _, asset, name, check in _checks(pipeline)],
        can_subset=True,
    )
    def lc_ibis_tables(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[_Result]:
        """Build the selected tables in one transaction; checks alone are run on what is stored."""
        assets = {key.to_user_string() for key in context.selected_asset_keys}
        checks = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        tables = [m.name for m in pipeline if m.is_stored and {m.name, m.name + _FILES} & assets]
        try:
            if not tables:
                run = lc_ibis.test(**options)
            else:
                select = () if len(tables) == len(_stored(pipeline)) else tuple(tables)
                given: Any = {**options, **_given(config)}
                run = lc_ibis.build(select=select, **given)
        except LcIbisError as error:
            yield from _failed(pipeline, error, checks)
            raise _failure(error) from error
        yield from _results(pipeline, settings, report.document(run), run.report, assets, checks)

    return lc_ibis_tables


def _stored(pipeline: Pipeline) -> list[Model]:
    return [model for model in pipeline if model.is_stored]


def _given(config: BuildConfig) -> dict[str, bool]:
    """What the run was told; what it was not is left to the settings."""
    return {name: True for name, value in config.model_dump().items() if value}


def _tables(pipeline: Pipeline, settings: Settings, owners: list[str], options: "Options") -> Iterator[dg.AssetSpec]:
    sql = lc_ibis.compile(Dialect.of(settings.backend).name, **options | {"select": (), "exclude": ()})
    for model in _stored(pipeline):
        yield dg.AssetSpec(
            model.name,
            deps=pipeline.stored_inputs[model.name],
            description=model.description,
            group_name=model.layer,
            owners=owners,
            kinds={"ibis", settings.backend},
            metadata={
                "dagster/column_schema": _columns(model),
                "dagster/column_lineage": _lineage(pipeline, model),
                "sql": dg.MetadataValue.md(f"```sql\n{sql[model.name]}\n```"),
            },
        )


def _others(pipeline: Pipeline, owners: list[str]) -> Iterator[dg.AssetSpec]:
    """Yield the assets that are no tables: the output files, and the report."""
    for output in pipeline.outputs:
        yield dg.AssetSpec(
            output.table + _FILES, deps=[output.table], group_name="outputs", owners=owners,
            description=f"{output.table} as files: {', '.join(output.formats)}.", kinds={"file"},
        )  # fmt: skip
    yield dg.AssetSpec(
        REPORT, deps=[model.name for model in _stored(pipeline)], group_name="quality", owners=owners,
        description="The quality report of the last run: checks, failing rows, where each row went.",
        kinds={"html"},
    )  # fmt: skip


def _columns(model: Model) -> dg.TableSchema:
    keys = model.contract.key()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name, str(c.type).removeprefix("!"), c.description,
                dg.TableColumnConstraints(nullable=c.is_nullable, unique=keys == (c.name,)),
            )
            for c in model.contract.columns
        ]
    )  # fmt: skip


def _lineage(pipeline: Pipeline, model: Model) -> dg.TableColumnLineage:
    if isinstance(model.kind, Source):
        return dg.TableColumnLineage({})
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(origin.table, origin.column) for origin in origins]
            for column, origins in column_lineage(pipeline, model).items()
        }
    )


def _checks(pipeline: Pipeline) -> Iterator[tuple[str, str, str, Check]]:
    """Yield each check with its table, its asset and its name there; those of what is not stored are the report's."""
    for model in pipeline:
        for check in model.checks:
            name = re.sub(r"\W", "_", check.name, flags=re.ASCII)
            place = (model.name, name) if model.is_stored else (REPORT, f"{model.name}_{name}")
            yield (model.name, *place, check)


def _check_spec(asset: str, name: str, check: Check) -> dg.AssetCheckSpec:
    thresholds = f" ({check.thresholds})" if check.thresholds else ""
    return dg.AssetCheckSpec(name, asset=asset, description=f"{check.meaning}{thresholds}")


# What a run did -------------------------------------------------------------------------------------


def _results(
    pipeline: Pipeline, settings: Settings, done: dict[str, Any], written: Path | None,
    assets: set[str], checks: set[tuple[str, str]],
) -> Iterator[_Result]:  # fmt: skip
    link = {"report": dg.MetadataValue.url(page_of(written).resolve().as_uri())} if written else {}
    for table in done["tables"]:
        if table["table"] in assets:
            yield dg.MaterializeResult(table["table"], metadata={**_did(table), **link})
    for output in pipeline.outputs:
        if output.table + _FILES in assets:
            files = [f"{output.table}.{form}" for form in output.formats]
            places = {name: dg.MetadataValue.path(settings.outputs / name) for name in files}
            yield dg.MaterializeResult(output.table + _FILES, metadata=places)
    if REPORT in assets:
        counts = {name: done[name] for name in ("status", "passed", "warned", "failed", "skipped", "seconds")}
        ledger = dg.MetadataValue.md(_grid(done["ledger"]))
        yield dg.MaterializeResult(REPORT, metadata={**counts, "ledger": ledger, **link})
    yield from _check_results(pipeline, done, checks)


def _did(table: dict[str, Any]) -> dict[str, Any]:
    return {
        "dagster/row_count": table["row_count"],
        **{name: table[name] for name in ("action", "reason", "added_count", "changed_count", "removed_count")},
        "seconds": table["seconds"],
    }


def _grid(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _check_results(
    pipeline: Pipeline, done: dict[str, Any], wanted: set[tuple[str, str]]
) -> Iterator[dg.AssetCheckResult]:
    homes = {(table, check.name): (asset, name) for table, asset, name, check in _checks(pipeline)}
    examples = {(found["table"], found["check"]): found for found in done["failures"]}
    for result in done["checks"]:
        asset, name = homes[result["table"], result["check"]]
        if (asset, name) not in wanted or result["status"] == "skip":
            continue
        found = examples.get((result["table"], result["check"]), {})
        yield dg.AssetCheckResult(
            passed=result["status"] == "pass",
            asset_key=asset,
            check_name=name,
            severity=dg.AssetCheckSeverity.ERROR if result["status"] == "fail" else dg.AssetCheckSeverity.WARN,
            metadata={
                "failing_rows": result["count"], "scope": result["scope"],
                **({"of": result["of"]} if result["of"] is not None else {}),
                **({"examples": dg.MetadataValue.json(_plain(found["examples"]))} if found else {}),
            },
        )  # fmt: skip


def _plain(value: Any) -> Any:
    return json.loads(to_json(value))


def _failed(pipeline: Pipeline, error: LcIbisError, checks: set[tuple[str, str]]) -> Iterable[_Result]:
    """Return how the checks ended of a build that published nothing."""
    if not isinstance(error, ChecksFailed) or error.report is None:
        return ()
    return _check_results(pipeline, json.loads(error.report.read_text(encoding="utf-8")), checks)


def _failure(error: LcIbisError) -> dg.Failure:
    # To wait may mend that another has the database; nothing else is mended by trying again.
    metadata = {"report": dg.MetadataValue.path(error.report)} if error.report else {}
    return dg.Failure(str(error), metadata=metadata, allow_retries=isinstance(error, DatabaseInUse))


# When to run ----------------------------------------------------------------------------------------


def _sensor(pipeline: Pipeline, settings: Settings, job: Any, interval_seconds: int) -> dg.SensorDefinition:
    @dg.sensor(name="lc_ibis_new_files", job=job, minimum_interval_seconds=interval_seconds)
    def new_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Run the job when an extract is not the file that it was."""
        try:
            seen = _seen(pipeline, settings)
        except LcIbisError as error:
            return dg.SkipReason(str(error))
        asked, _, before = (context.cursor or "").partition(" ")
        if seen == asked:
            context.update_cursor(f"{asked} {seen}")
            return dg.SkipReason("The extracts have not changed.")
        if seen != before:
            context.update_cursor(f"{asked} {seen}")
            return dg.SkipReason("The extracts are new or still changing. A run starts once they are stable.")
        context.update_cursor(f"{seen} {seen}")
        # Without a key: Dagster would drop one that it knows, and files may be put back to what they were.
        return dg.RunRequest()

    return new_files


def _seen(pipeline: Pipeline, settings: Settings) -> str:
    """Return a digest of the extracts' names, sizes and times. Raises ExtractError."""
    facts = []
    for model in pipeline:
        if isinstance(model.kind, Source):
            pattern = settings.source.get(model.name)
            for files in delivered(model, settings.inputs, pattern, with_operations=settings.delivery == "delta"):
                facts += [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files.paths]
    return hashlib.sha256(repr(facts).encode()).hexdigest()
