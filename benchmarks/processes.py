"""Run a command, and say what it cost: processor seconds first, for they hardly depend on who else is working."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Taken:
    """What one command used, with the children that it waited for, and what it printed."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    printed: str
    complained: str


def run(command: list[str], cwd: Path, environment: Mapping[str, str]) -> Taken:
    """Run a command to its end. Raises RuntimeError, with what it said, if it fails."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, stderr=complained, cwd=cwd, env=dict(environment))
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (printed, complained):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.\n{texts[0]}{texts[1]}")
    # Linux counts maxrss in units of 1024 bytes, macOS in bytes.
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Taken(used.ru_utime + used.ru_stime, wall, peak / 1e6, *texts)
