"""Run the commands of the guides, in order, and write what they print below them (--check: compare).

Sample extracts and old databases are put into a temporary directory, where the commands run; for extending.md, the
example of loans. Times, sizes and measured
numbers are dots.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from datetime import datetime, timedelta
from difflib import ndiff
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import duckdb  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from lc_ibis.cli import main  # noqa: E402
from lc_ibis.cli.printing import building  # noqa: E402
from tests import dbt_histories  # noqa: E402
from tests.old_databases import ACCOUNTS, CUSTOMERS, FIRST_LOAD, five_layers, three_layers  # noqa: E402

PAGES = tuple(HERE / f"{name}.md" for name in ("index", "migration", "upkeep", "extending", "sharing"))
# What differs from run to run, and what stands for it.
_VARYING = (
    (r"\d{8}T\d{6}\.\d{6}Z", "…"),
    # Those of the old database's loads stay.
    (r"(?!2026-01-0)\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?)?", "…"),
    (r"\b[\d.,]+ (s|MB)\b", r"… \1"),
    (r"(?<=  )[\d.]+ ×$|(?<=key: )[\d.]+ ×", "… ×"),
    (r"(?<=faster than full  ) *(pass|unclear)", "…"),
    (r"; [\d,]+ rows are too few to tell", ""),
    (r"(?<=^  \d  …) +\d+\.\d ", "  … "),
)
# Lines whose columns are as wide as what varies.
_LOOSE = re.compile(r"…\s*\S|^measured in this run|^versions a key|^run  at|^check ")


def guide(name: str, page: str) -> str:
    """Return a page with what its commands print now, each page in a directory of its own."""
    before = Path.cwd()
    with TemporaryDirectory() as scratch:
        _PREPARED.get(name, _prepare)(Path(scratch))
        os.chdir(scratch)
        try:
            return re.sub(
                r"(?<=```console\n).*?(?=^```$)", lambda block: _run(block[0]), page, flags=re.DOTALL | re.MULTILINE
            )
        finally:
            os.chdir(before)


def _prepare(directory: Path) -> None:
    """Put the sample's two days of extracts below `data/`, and old databases with a few bad rows into `old/`."""
    for name in ("inputs", "inputs_day2"):
        shutil.copytree(HERE.parent / "data" / name, directory / "data" / name)
    customers = [*CUSTOMERS, (4, "Dave", "maybe")]
    accounts = [*ACCOUNTS, ("A5", 4, 700.0, "Savings"), ("A6", 1, -5.0, "Savings"), ("A8", 1, 100.005, "Savings")]
    three_layers(directory / "old/three.duckdb", customers, accounts)
    first = CUSTOMERS, ACCOUNTS
    second = [*CUSTOMERS[:2], (3, "Carla", "Yes")], [*ACCOUNTS, ("A9", 3, "1e3", "Savings")]
    five_layers(directory / "old/dbt.duckdb", first, first, second)
    _returned(directory / "old/returned.duckdb")


def _returned(path: Path) -> None:
    """Put in histories in which customer 2 was gone for a day, and came back as it was loaded at first."""
    config = dbt_histories.Config("timestamp", "new_record", datetime(9999, 12, 31))
    snapshot = dbt_histories.Snapshot(config)
    alice, bob = (("alice", True), FIRST_LOAD), (("bob", False), FIRST_LOAD)
    for day, load in enumerate(({1: alice, 2: bob}, {1: alice}, {1: alice, 2: bob})):
        snapshot.load(load, FIRST_LOAD + timedelta(days=day, hours=1))
    made = five_layers(path, (CUSTOMERS[:2], ACCOUNTS[:2]))
    with duckdb.connect(str(made)) as con:
        dbt_histories.write(con, "snapshots.snap_customer", snapshot.rows, config, dbt_histories.CUSTOMER)


def _prepare_loans(directory: Path) -> None:
    shutil.copytree(HERE.parent / "examples/loans", directory, dirs_exist_ok=True)


_PREPARED = {"extending": _prepare_loans, "index": lambda _: None}


def _run(block: str) -> str:
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        words, _, remark = command.partition("    # ")
        if words.startswith("cd "):
            os.chdir(words.removeprefix("cd "))
            lines.append(f"$ {command}")
            continue
        building._LONG = float("inf")  # how long a table took is the machine's affair
        result = CliRunner().invoke(main, shlex.split(_placed(words))[1:])
        if result.exit_code != (1 if remark == "exit code 1" else 0):
            raise SystemExit(f"{command}: {result.output}{result.exception}")
        lines += [f"$ {command}", *(["…"] if remark == "output omitted" else _steady(result.output).splitlines())]
    return "\n".join(lines) + "\n"


def _placed(command: str) -> str:
    """Name the one directory that a … stands for."""
    return re.sub(r"(\S*/)…", lambda found: str(next(Path(found[1]).iterdir())), command)


def _steady(output: str) -> str:
    return "\n".join(_steady_line(line.rstrip()) for line in output.splitlines())


def _steady_line(line: str) -> str:
    line = line.replace(str(Path.cwd()), "/home/lending")
    for pattern, dots in _VARYING:
        line = re.sub(pattern, dots, line)
    return re.sub(r"(?<=\S) {2,}", "  ", line) if _LOOSE.search(line) else line


def _main(is_check: bool) -> str | None:
    stale = []
    for page in PAGES:
        there = page.read_text(encoding="utf-8")
        made = guide(page.stem, there)
        if not is_check:
            page.write_text(made, encoding="utf-8")
        elif made != there:
            lines = [line for line in ndiff(there.splitlines(), made.splitlines()) if line[:1] in "+-"]
            stale += [f"Out of date: {page.name}. Run python docs/run_guide.py.", *lines]
    return "\n".join(stale) or None


if __name__ == "__main__":
    for variable in [name for name in os.environ if name.startswith("LC_IBIS_")]:
        del os.environ[variable]  # a reader has none
    sys.exit(_main(sys.argv[1:] == ["--check"]))
