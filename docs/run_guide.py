"""Run the commands of migration.md, in order, and write what they print below them; with --check, only compare.

Old databases are made in a temporary directory, where the commands run. Times, sizes and measured numbers are dots.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from difflib import ndiff
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from click.testing import CliRunner  # noqa: E402

from lc_ibis.cli import main  # noqa: E402
from tests.old_databases import ACCOUNTS, CUSTOMERS, five_layers, three_layers  # noqa: E402

PAGE = HERE / "migration.md"
# What differs from run to run, and what stands for it.
_VARYING = (
    (r"\d{8}T\d{6}\.\d{6}Z", "…"),
    # Those of the old database's loads stay.
    (r"(?!2026-01-0)\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?)?", "…"),
    (r"\b[\d.,]+ (s|MB)\b", r"… \1"),
    (r"(?<=  )[\d.]+ ×$|(?<=key: )[\d.]+ ×", "… ×"),
    (r"(?<=faster than full  ) *(pass|too small to tell)", "…"),
    (r"(?<=^  \d  …) +\d+\.\d ", "  … "),
)
# Lines whose columns are as wide as what varies.
_LOOSE = re.compile(r"…|^measured in this run|^run  at|^check ")


def filled(page: str, directory: Path) -> str:
    """Return the page with what its commands print, run in a directory with the old databases in `old/`."""
    more = (
        [(4, "Dave", "maybe")],
        [("A5", 4, 700.0, "Savings"), ("A6", 1, -5.0, "Savings"), ("A8", 1, 100.005, "Savings")],
    )
    three_layers(directory / "old/three.duckdb", CUSTOMERS + more[0], ACCOUNTS + more[1])
    first, second = (
        (CUSTOMERS, ACCOUNTS),
        ([*CUSTOMERS[:2], (3, "Carla", "Yes")], [*ACCOUNTS, ("A9", 3, "1e3", "Savings")]),
    )
    five_layers(directory / "old/dbt.duckdb", first, first, second)
    return re.sub(r"(?<=```console\n).*?(?=^```$)", lambda block: _run(block[0]), page, flags=re.DOTALL | re.MULTILINE)


def _run(block: str) -> str:
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        if result.exit_code:
            raise SystemExit(f"{command}: {result.output}{result.exception}")
        lines += [f"$ {command}", *_steady(result.output).splitlines()]
    return "\n".join(lines) + "\n"


def _steady(output: str) -> str:
    return "\n".join(_steady_line(line.rstrip()) for line in output.splitlines())


def _steady_line(line: str) -> str:
    line = line.replace(str(Path.cwd()), "/home/lending")
    for pattern, dots in _VARYING:
        line = re.sub(pattern, dots, line)
    return re.sub(r"(?<=\S) {2,}", "  ", line) if _LOOSE.search(line) else line


def guide() -> str:
    """Return the page with what its commands print now."""
    with TemporaryDirectory() as scratch:
        before = Path.cwd()
        os.chdir(scratch)
        try:
            return filled(PAGE.read_text(encoding="utf-8"), Path(scratch))
        finally:
            os.chdir(before)


if __name__ == "__main__":
    made, there = guide(), PAGE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--check"]:
        lines = [line for line in ndiff(there.splitlines(), made.splitlines()) if line[:1] in "+-"]
        sys.exit("\n".join([f"Out of date: {PAGE.name}. Run python docs/run_guide.py.", *lines]) if lines else 0)
    PAGE.write_text(made, encoding="utf-8")
