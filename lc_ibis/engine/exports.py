"""Output files: written beside their place before the commit, moved there after it.

A file is whole at every moment. A crash between commit and move leaves older files, and the next
build mends them: the state knows the checksum of the file that belongs to the tables.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ibis

from lc_ibis.engine.pipeline import Output, Pipeline
from lc_ibis.engine.state import State
from lc_ibis.engine.store import Store
from lc_ibis.errors import LcIbisError


class Staging:
    """The files of one run, by place; what is not published when the context ends in an error is removed."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._files: list[tuple[Path, Path]] = []

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for written, _place in self._files:
                written.unlink(missing_ok=True)

    def write(self, store: Store, pipeline: Pipeline, state: State, tables: list[str]) -> None:
        """Write the outputs of `tables` whose files are not in place already, and note them in the state."""
        with _explained(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            for output in pipeline.outputs:
                if output.table in tables:
                    self._write(store, pipeline, state, output)

    def _write(self, store: Store, pipeline: Pipeline, state: State, output: Output) -> None:
        model = pipeline[output.table]
        version = state.tables[model.name].version
        rows = store.table(model.layer, model.name).order_by([ibis.asc(k) for k in model.contract.key()])
        for format in output.formats:
            place = self.directory / f"{model.name}.{format}"
            for leftover in self.directory.glob(f".{place.name}.*.tmp"):
                leftover.unlink(missing_ok=True)
            if place.is_file() and state.files.get(place.name) == (version, _sha256(place)):
                continue
            written = self.directory / f".{place.name}.{os.getpid()}.tmp"
            self._files.append((written, place))
            store.write_file(rows, written, format)
            state.files[place.name] = (version, _sha256(written))

    def publish(self) -> list[Path]:
        """Move the files to their places; return those."""
        with _explained(self.directory):
            for written, place in self._files:
                os.replace(written, place)
        return [place for _, place in self._files]


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LcIbisError(
            f"{error.filename or directory}: the outputs cannot be written ({error.strerror}). "
            "Mend that and build again; the files will follow the tables."
        ) from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
