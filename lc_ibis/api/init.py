"""A new project: a directory that a build works in at once, with the sample's extracts."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from lc_ibis.errors import OutputError
from lc_ibis.setting_values import FILE

_IGNORED = "data/duckdb/\ndata/outputs/\ndata/quality_reports/\n"


def init(directory: str | Path) -> Path:
    """Create a project in a new or empty directory, with settings and two days of sample extracts; return it.

    Raises OutputError if the directory is not empty or cannot be written.
    """
    place = Path(directory)
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise OutputError(f"{place}: the directory is not empty. Choose a new one.")
        _fill(place)
    except OSError as error:
        raise OutputError(f"{error.filename or place}: cannot write it ({error.strerror}).") from None
    return place


def _fill(place: Path) -> None:
    """Write a project into a directory, or nothing: what is half there would be refused from then on."""
    was_there = place.exists()
    try:
        with as_file(files("lc_ibis").joinpath("sample")) as found:
            # Of a checkout the sample is beside the package.
            sample = found if found.is_dir() else Path(__file__).parents[2] / "data"
            for name in ("inputs", "inputs_day2"):
                shutil.copytree(sample / name, place / "data" / name)
            shutil.copyfile(sample / FILE, place / FILE)
        (place / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    except BaseException:  # an interruption too
        for made in place.iterdir() if was_there else [place]:
            shutil.rmtree(made, ignore_errors=True) if made.is_dir() else made.unlink(missing_ok=True)
        raise
