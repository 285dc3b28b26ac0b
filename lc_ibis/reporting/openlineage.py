"""OpenLineage: events of a build, for catalogs and observability tools that read them.

The build is a run of the job `build`; each table that it looked at is a run of a job of its name below it, with its
inputs, its schema, where its columns come from, its rows, and how its checks ended. No values of the data are told.
https://openlineage.io/docs/spec/object-model
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    documentation_dataset,
    error_message_run,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
)
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

from lc_ibis.declare.column_lineage import column_lineage
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.run import Run as BuildRun
from lc_ibis.engine.state.run import TableRun
from lc_ibis.errors import SettingsError
from lc_ibis.redaction import logger
from lc_ibis.reporting.addresses import is_address, is_whole, within
from lc_ibis.reporting.dataset_names import Name, Names
from lc_ibis.settings import Settings

PRODUCER = "urn:lc-ibis"
_JOB = "build"
_WORKING = ("created", "updated")
# How long a build may be held by all that is told of it.
SECONDS = 30.0
log = logger(__name__)


class Listener:
    """Tells a file, to which lines are added, or an http(s) address of a build; what cannot be told is logged."""

    def __init__(self, target: str, pipeline: Pipeline, settings: Settings):
        self._pipeline, self._names = pipeline, Names(settings)
        self._client = OpenLineageClient(transport=_transport(target))
        self._is_lost, self._left = False, SECONDS
        self._run = Run(runId=str(generate_new_uuid()))

    def began(self) -> None:
        """Tell that the build begins."""
        self._tell(RunState.START, self._run, _JOB)

    def ended(self, run: BuildRun) -> None:
        """Tell of each table, and that the build is published."""
        for table in run.tables:
            if table.action in _WORKING:
                self._tell_of(run, table)
        self._tell(RunState.COMPLETE, self._run, _JOB)

    def failed(self, error: BaseException) -> None:
        """Tell that the build published nothing; not the error's words, which may hold values."""
        facet = error_message_run.ErrorMessageRunFacet(type(error).__name__, "python", producer=PRODUCER)
        self._tell(RunState.FAIL, Run(self._run.runId, {"errorMessage": facet}), _JOB)

    def _tell_of(self, run: BuildRun, table: TableRun) -> None:
        model = self._pipeline[table.table]
        parent = parent_run.ParentRunFacet(
            parent_run.Run(self._run.runId), parent_run.Job(self._names.jobs, _JOB), producer=PRODUCER
        )
        one = Run(str(generate_new_uuid()), {"parent": parent})
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=table.row_count, producer=PRODUCER
        )
        output = OutputDataset(
            *self._names.table(model), facets=dict(self._facets(model, run)),
            outputFacets={"outputStatistics": statistics},
        )  # fmt: skip
        self._tell(RunState.START, one, model.name)
        self._tell(RunState.COMPLETE, one, model.name, self._inputs(model, run), [output])

    def _inputs(self, model: Model, run: BuildRun) -> list[InputDataset]:
        if isinstance(model.kind, Source):
            return [InputDataset(*name) for name in self._files(model, run)]
        names = self._pipeline.stored_inputs[model.name]
        return [InputDataset(*self._names.table(self._pipeline[name])) for name in names]

    def _files(self, model: Model, run: BuildRun) -> list[Name]:
        return [self._names.file(path) for path in run.delivered.get(model.name, ())]

    def _facets(self, model: Model, run: BuildRun) -> Iterator[tuple[str, Any]]:
        yield "documentation", documentation_dataset.DocumentationDatasetFacet(model.description, producer=PRODUCER)
        yield (
            "schema",
            schema_dataset.SchemaDatasetFacet(
                [
                    schema_dataset.SchemaDatasetFacetFields(c.name, str(c.type).removeprefix("!"), c.description)
                    for c in model.contract.columns
                ],
                producer=PRODUCER,
            ),
        )
        yield (
            "columnLineage",
            column_lineage_dataset.ColumnLineageDatasetFacet(dict(self._columns(model, run)), producer=PRODUCER),
        )
        results = [result for result in run.checks if result.table == model.name and result.status != "skip"]
        yield "dataQualityAssertions", data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            [
                data_quality_assertions_dataset.Assertion(
                    result.check.name, result.status == "pass",
                    column=result.check.columns[0] if len(result.check.columns) == 1 else None,
                    severity="error" if result.check.severity == "error" else "warn",
                )
                for result in results
            ],
            producer=PRODUCER,
        )  # fmt: skip

    def _columns(self, model: Model, run: BuildRun) -> Iterator[tuple[str, column_lineage_dataset.Fields]]:
        files = self._files(model, run)
        for name, origins in column_lineage(self._pipeline, model).items():
            if isinstance(model.kind, Source):
                places = [(place, origin) for origin in origins for place in files]
            else:
                places = [(self._names.table(self._pipeline[origin.table]), origin) for origin in origins]
            fields = [
                column_lineage_dataset.InputField(
                    *place, origin.column,
                    [column_lineage_dataset.Transformation(
                        "DIRECT", "IDENTITY" if origin.is_copy else "TRANSFORMATION"
                    )],
                )
                for place, origin in places
            ]  # fmt: skip
            if fields:
                yield name, column_lineage_dataset.Fields(fields)

    def _tell(
        self, state: RunState, run: Run, job: str, inputs: list[InputDataset] | None = None,
        outputs: list[OutputDataset] | None = None,
    ) -> None:  # fmt: skip
        if self._is_lost:
            return
        at = datetime.now(timezone.utc).isoformat()
        event = RunEvent(
            eventTime=at, run=run, job=Job(self._names.jobs, job), eventType=state, producer=PRODUCER,
            inputs=inputs or [], outputs=outputs or [],
        )  # fmt: skip
        started = time.monotonic()
        try:
            within(self._left, lambda: self._client.emit(event))
            self._left -= time.monotonic() - started
        except Exception as error:  # whatever the transport raises: lineage is no reason to lose a build
            self._is_lost = True  # each would wait for the same silence
            log.warning("openlineage: no more events are sent for this build (%s).", type(error).__name__)


def _transport(target: str) -> FileTransport | HttpTransport:
    if is_address(target):
        return _http(target)
    if scheme := re.match(r"[A-Za-z][\w+.-]*://", target):
        raise SettingsError(
            f"openlineage: cannot send events to {scheme[0]}. Use a file, or an address like https://host."
        )
    place = Path(target)
    if place.is_dir():
        raise SettingsError(f"openlineage: {target} is a directory. Use a file, or an address like https://host.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.open("a").close()
    except OSError as error:
        raise SettingsError(f"openlineage: cannot write {target} ({error.strerror}).") from None
    return FileTransport(FileConfig(log_file_path=target, append=True))


def _http(address: str) -> HttpTransport:
    # As the client reads it where it is configured by the environment.
    key = os.environ.get("OPENLINEAGE_API_KEY")
    auth: dict[str, Any] = {"auth": ApiKeyTokenProvider({"apiKey": key})} if key else {}
    try:
        if not is_whole(address):
            raise ValueError
        return HttpTransport(HttpConfig(url=address, retry={"total": 1}, **auth))
    except ValueError:
        raise SettingsError("openlineage: this is neither a file nor an address like https://host/path.") from None
