"""What files for others hold: table, columns, rows, checksum and run, told in a file beside them.

Written after them: where a checksum is not that of its file, somebody is writing, or was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

VERSION = 1
# Of the output files of builds, in their directory.
OUTPUTS = "outputs.manifest.json"


def manifest_of(file: Path) -> Path:
    """Return where the manifest of an exported file, or directory, is."""
    return file.with_name(f"{file.name}.manifest.json")


def described(
    written: Path, name: str, sha256: str, table: str, columns: Sequence[str], row_count: int, run_id: int | None,
    run_at: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    """Return what is told of one file, or directory of files, that is called `name`; `written` is where it is now."""
    files = [part for part in written.rglob("*") if part.is_file()] if written.is_dir() else [written]
    return {
        "file": name,
        "sha256": sha256,
        "bytes": sum(file.stat().st_size for file in files),
        "table": table,
        "columns": list(columns),
        "row_count": row_count,
        "run_id": run_id,
        "run_at": f"{run_at.isoformat()}Z" if run_at else None,
    }


def document(files: Iterable[dict[str, Any]]) -> str:
    """Return the manifest of the output files of builds, as JSON text."""
    return json.dumps({"schema_version": VERSION, "files": list(files)}, indent=2, ensure_ascii=False) + "\n"
