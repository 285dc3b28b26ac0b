"""Output files: written beside their place before the commit, moved there after it.

A file is whole at every moment. A crash between commit and move leaves older files, and the next
build mends them: the state knows the checksum of the file that belongs to the tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import ibis

from lc_ibis.engine.deliveries import sha256_of
from lc_ibis.engine.pipeline import Output, Pipeline
from lc_ibis.engine.state import State
from lc_ibis.engine.store import Store
from lc_ibis.errors import OutputError


def write_whole(place: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside its place, and move it there. Raises OutputError; then the place is as it was."""
    if place.is_dir():
        raise OutputError(f"{place}: a directory is where the file belongs. Name a file in it.")
    written = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(written)
        os.replace(written, place)
    except OSError as error:
        raise OutputError(f"{place}: the file cannot be written ({error.strerror}).") from None
    finally:
        written.unlink(missing_ok=True)


class PendingFiles:
    """The files of one run, by place; what is not published when the context ends in an error is removed."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._files: list[tuple[Path, Path]] = []

    def __enter__(self) -> PendingFiles:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for written, _place in self._files:
                written.unlink(missing_ok=True)

    @property
    def is_empty(self) -> bool:
        return not self._files

    def write(self, store: Store, pipeline: Pipeline, state: State, tables: list[str]) -> None:
        """Write the outputs of `tables` whose files are not in place already, and note them in the state.

        Raises OutputError.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for output in pipeline.outputs:
                if output.table in tables:
                    self._write(store, pipeline, state, output)
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.directory}: the outputs cannot be written ({error.strerror})."
            ) from None

    def _write(self, store: Store, pipeline: Pipeline, state: State, output: Output) -> None:
        model = pipeline[output.table]
        version = state.tables[model.name].version
        rows = store.table(model.layer, model.name).order_by([ibis.asc(k) for k in model.contract.key()])
        for format in output.formats:
            place = self.directory / f"{model.name}.{format}"
            for leftover in self.directory.glob(f".{place.name}.*.tmp"):
                leftover.unlink(missing_ok=True)
            if place.is_dir():
                raise OutputError(f"{place}: a directory is where an output file belongs. Move it away.")
            known = state.files.get(place.name)
            if known and known[0] == version and place.is_file() and sha256_of(place) == known[1]:
                continue
            written = self.directory / f".{place.name}.{os.getpid()}.tmp"
            self._files.append((written, place))
            store.write_file(rows, written, format)
            state.files[place.name] = (version, sha256_of(written))

    def publish(self) -> list[Path]:
        """Move the files to their places; return those. Raises OutputError; the tables are published already."""
        try:
            for written, place in self._files:
                os.replace(written, place)
        except OSError as error:
            for written, _place in self._files:
                written.unlink(missing_ok=True)
            raise OutputError(
                f"{error.filename2 or self.directory}: the tables are published, but the file cannot be put in its "
                f"place ({error.strerror}). Mend that and build again; the files will follow the tables."
            ) from None
        return [place for _, place in self._files]
