"""Files, and directories of files, that are whole at every moment: made beside their place, and moved there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lc_ibis.errors import OutputError
from lc_ibis.files.processes import is_running

_CHUNK = 1 << 20


def write_whole(place: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside its place, and move it there. Raises OutputError; then the place is as it was."""
    if place.is_dir():
        raise OutputError(f"{place}: the path is a directory. Name a file in it.")
    _write(place, write)


def write_directory(place: Path, write: Callable[[Path], None], may_go: Callable[[Path], bool]) -> None:
    """Have `write` make a directory beside its place, and move it there, in place of one that `may_go`.

    Between the two there is none for a moment, but never half of one. Raises OutputError; then the place is as it was.
    """
    if place.is_symlink() or (place.exists() and not may_go(place)):
        raise OutputError(f"{place}: it contains files that are not from an export. Choose another directory.")
    _write(place, write)


def _write(place: Path, write: Callable[[Path], None]) -> None:
    written = beside(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place)
        write(written)
        move(written, place)
    except OSError as error:
        raise OutputError(f"{place}: cannot write the file ({error.strerror or error}).") from None
    finally:
        with suppress(OSError):  # a directory that could not be made holds none
            remove(written)


def write_text(place: Path, text: str) -> None:
    """Write a text file, whole at every moment. Raises OutputError; then the place is as it was."""

    def write(written: Path) -> None:
        written.write_text(text, encoding="utf-8")

    write_whole(place, write)


def sweep(place: Path) -> None:
    """Remove what processes that were killed had written for a place."""
    for leftover in place.parent.iterdir():
        found = re.fullmatch(r"(\d+)(\.before|\.rows)?\.tmp", leftover.name.removeprefix(f".{place.name}."))
        if found and leftover.name.startswith(".") and not is_running(int(found[1])):
            remove(leftover)


def beside(place: Path, part: str = "") -> Path:
    """Return where this process makes what is to come to a place."""
    return place.with_name(f".{place.name}.{os.getpid()}{part}.tmp")


def move(written: Path, place: Path) -> None:
    """Put a file in its place at once; a directory in two steps, between which there is none."""
    if not (written.is_dir() and os.path.lexists(place)):
        os.replace(written, place)
        return
    before = beside(place, ".before")
    os.rename(place, before)
    try:
        os.rename(written, place)
    except BaseException:  # an interruption too
        if not os.path.lexists(place):
            os.rename(before, place)
        raise
    remove(before)


def remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copied(source: BinaryIO, target: Path) -> str:
    """Copy an open file to a new one, which is on disk when this returns; return the sha256 of what was read."""
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def settle(directory: Path) -> None:
    """Have a file, or a directory's names, on disk, where the system can be asked to."""
    with suppress(OSError):
        found = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)
