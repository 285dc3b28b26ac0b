"""Output files: written beside their place before the commit, moved there after it.

A file is whole at every moment; a directory of parts is whole or, while it is replaced, not there. A crash
between commit and move leaves older files, and the next build mends them: the state knows the checksum of
the file that belongs to the tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import ROWS, Query
from lc_ibis.declare.graph import Graph, Output
from lc_ibis.engine.relations import stored
from lc_ibis.engine.state.records import FileRecord, table_of
from lc_ibis.engine.state.run import Run
from lc_ibis.engine.state.state import State, run_times
from lc_ibis.engine.store import Store
from lc_ibis.errors import OutputError
from lc_ibis.files.digests import digest_of, is_whole
from lc_ibis.files.whole import beside, move, remove, sweep
from lc_ibis.outputs.manifest import OUTPUTS, described, document
from lc_ibis.outputs.steps import Steps

# The format of a directory of Parquet files, which the engine writes side by side.
PARTS = "parts"


class PendingFiles:
    """The output files of one run; what is not published when the context ends in an error is removed.

    Where they are `partitioned`, a table is a directory of Parquet files in place of one file a format. Where
    formulas are `neutralised`, CSV files hold no text that a spreadsheet would take for one.
    """

    def __init__(self, directory: Path, partitioned: bool = False, neutralised: bool = False):
        self.directory, self.partitioned, self.neutralised = directory, partitioned, neutralised
        self._files: list[tuple[Path, Path]] = []
        self._in_place = set[Path]()
        self._outdated: list[Path] = []

    def __enter__(self) -> PendingFiles:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for written, _place in self._files:
                remove(written)

    @property
    def is_empty(self) -> bool:
        return not self._files and not self._outdated

    def write(self, store: Store, program: Program, state: State, tables: list[str], run: Run, steps: Steps) -> None:
        """Write the outputs of `tables` whose files are not in place already, and note them in the state.

        `steps` is what the run did to the tables.

        Raises OutputError.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for output in program.graph.outputs:
                if output.table in tables:
                    self._write(store, program, state, output, steps)
            if any(output.table in tables for output in program.graph.outputs):
                self._write_manifest(store, state, run)
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.directory}: cannot write the outputs ({error.strerror})."
            ) from None

    def _write(self, store: Store, program: Program, state: State, output: Output, steps: Steps) -> None:
        model = program.graph[output.table]
        version = state.tables[model.name].version
        files = {f"{model.name}.{format}": format for format in output.formats}
        if self.partitioned:
            files = {model.name: PARTS}
        for name, format in files.items():
            place = self.directory / name
            _refuse_no_file_name(name)
            _refuse_what_is_not_ours(place, format, name in state.files)
            _refuse_link_out(place)
            is_neutralised = self.neutralised and format == "csv"
            sweep(place)
            known = state.files.get(name)
            if known and replace(known, sha256="") == FileRecord(version, "", is_neutralised) and _is_as(place, known):
                self._in_place.add(place)
                continue
            written = beside(place)
            self._files.append((written, place))
            is_plain = format == "csv" and not is_neutralised
            sha256 = steps.written(store, program, model, place, written, known) if is_plain else None
            if sha256 is None:
                ordered = program.ordered(model, is_neutralised)
                _write_format(store, ordered.over({ROWS: stored(store, model)}), written, format)
            state.files[name] = FileRecord(version, sha256 or digest_of(written), is_neutralised)
        self._leave(state, {model.name, *(f"{model.name}.{format}" for format in output.formats)} - files.keys())

    def _write_manifest(self, store: Store, state: State, run: Run) -> None:
        """Write what the files hold, if that is not told already; last, so that it is published last."""
        place = self.directory / OUTPUTS
        _refuse_what_is_not_ours(place, "json", True)
        _refuse_link_out(place)
        sweep(place)
        files = list(self._described(store, state, run))
        text = document(files)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        if is_whole(place) and digest_of(place) == sha256:
            return
        written = beside(place)
        self._files.append((written, place))
        written.write_text(text, encoding="utf-8", newline="\n")

    def _described(self, store: Store, state: State, run: Run) -> Iterator[dict[str, Any]]:
        """Describe the output files that are there as they were written, or about to be, whatever build wrote them."""
        coming = {place: written for written, place in self._files}
        earlier = {known.version for known in state.files.values()} - {run.run_id}
        times = run_times(store, earlier) | {run.run_id: run.run_at}
        for name, known in sorted(state.files.items()):
            place, table = self.directory / name, table_of(name)
            there = place in coming or place in self._in_place
            if not there:
                with contextlib.suppress(OSError):  # of a table that this build has nothing to do with
                    there = _is_as(place, known)
            is_of_a_table = table in state.tables and table in state.contracts
            if there and is_of_a_table and place not in self._outdated:
                columns, row_count = state.contracts[table].columns, state.tables[table].row_count
                yield described(
                    coming.get(place, place), name, known.sha256, table, [c.name for c in columns], row_count,
                    known.version, times.get(known.version),
                )  # fmt: skip

    def _leave(self, state: State, names: set[str]) -> None:
        """Have files that a build wrote, but that are no longer asked for, go: they would not follow the tables."""
        for place in (self.directory / name for name in sorted(names & state.files.keys())):
            if is_whole(place):
                self._outdated.append(place)

    def publish(self) -> list[Path]:
        """Move the files to their places; return those. Raises OutputError; the tables are published already."""
        try:
            for written, place in self._files:
                move(written, place)
            for place in self._outdated:
                remove(place)
        except OSError as error:
            raise OutputError(
                f"{error.filename2 or self.directory}: the tables are published, but this file cannot be "
                f"replaced ({error.strerror}). Fix that and build again. The next build writes the files."
            ) from None
        finally:
            for written, _place in self._files:  # those that an interruption kept from their places
                remove(written)
        return [place for _, place in self._files]


def _refuse_no_file_name(name: str) -> None:
    """Raise OutputError where the name of an output would lead out of its directory."""
    if name != Path(name).name or "\\" in name or "\0" in name:
        raise OutputError(f"{name!r}: the output name is not a valid file name. Rename the table.")


def _refuse_link_out(place: Path) -> None:
    """Raise OutputError where a link in the place of an output leads out of its directory."""
    if place.is_symlink() and not place.resolve().is_relative_to(place.parent.resolve()):
        raise OutputError(f"{place}: a link points out of the outputs, to {os.readlink(place)}. Remove the link.")


def _refuse_what_is_not_ours(place: Path, format: str, is_known: bool) -> None:
    """Raise OutputError where something is in the place of an output that no build can have put there."""
    if format != PARTS and place.is_dir():
        raise OutputError(f"{place}: a directory is in the way of an output file. Move it.")
    is_free = not os.path.lexists(place) or (place.is_dir() and not any(place.iterdir()))
    if format == PARTS and not is_free and not (is_known and place.is_dir() and is_whole(place)):
        raise OutputError(f"{place}: something is in the way of an output directory. Move it.")


def output_names(output: Output) -> dict[str, str]:
    """Return the names of the files that builds may write for an output, each with its format."""
    return {output.table: PARTS} | {f"{output.table}.{format}": format for format in output.formats}


def all_output_names(pipeline: Graph) -> list[str]:
    """Return the names of all files that builds may write into the directory of outputs."""
    return [*(name for output in pipeline.outputs for name in output_names(output)), OUTPUTS]


def _write_format(store: Store, rows: Query, place: Path, format: str) -> None:
    if format != PARTS:
        store.write_file(rows, place, format)
        return
    place.mkdir()
    store.write_parts(rows, place)
    # Engines name them each in its way, and leave notes of their own beside them.
    parts = sorted(place.glob("*.parquet"))
    for leftover in set(place.iterdir()) - set(parts):
        leftover.unlink()
    for number, part in enumerate(parts):
        part.rename(place / f"part-{number:05}.parquet")


def _is_as(place: Path, known: FileRecord) -> bool:
    return is_whole(place) and digest_of(place) == known.sha256
