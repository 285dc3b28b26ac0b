"""Sizes and rounds by option; for each size the extracts and the databases that a step starts from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from generate import generate

HERE = Path(__file__).parent
LC_IBIS = [sys.executable, "-m", "lc_ibis"]
FLOOR = [sys.executable, str(HERE / "floor.py")]


@dataclass(frozen=True)
class Taken:
    """What one command used, and what it printed."""

    cpu_seconds: float
    peak_mb: float
    printed: str


def run(command: list[str]) -> Taken:
    """Run a command to its end; processor time and peak memory are its process's alone."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.\n{text}")
    # Linux counts maxrss in units of 1024 bytes, macOS in bytes.
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Taken(used.ru_utime + used.ru_stime, peak / 1e6, text)


class Place:
    """The extracts of one size, and what day 1 makes of them: by lc-ibis and by the lean floor."""

    def __init__(self, root: Path, accounts: int):
        self.root, self.accounts = root, accounts
        generate(accounts, seed=1, directory=root)
        for who in ("ours", "floor"):
            run(self.command(who, root / "day1", root / f"{who}_day1"))

    def command(self, who: str, inputs: Path, to: Path, *options: str) -> list[str]:
        """Return the command that builds from `inputs` into the directory `to`."""
        places = {"--inputs": inputs, "--database": to / "lc.duckdb", "--outputs": to / "outputs"}
        words = [str(word) for pair in places.items() for word in pair]
        to.mkdir(exist_ok=True)
        if who == "ours":
            return [*LC_IBIS, "build", "--json", *words, "--reports", str(to / "reports"), *options]
        return [*FLOOR, *words, *(options or ("--lean",))]

    def fresh(self) -> Path:
        """Return an empty directory; the one before is deleted."""
        target = self.root / "round"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        return target

    def copy_of_day1(self, who: str) -> Path:
        """Return a directory with the database and outputs of day 1."""
        target = self.root / "round"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.root / f"{who}_day1", target)
        return target

    def changed(self, rows: int) -> Path:
        """Return a directory whose day2 and delta differ from day 1 by so many rows."""
        target = self.root / f"changed_{rows}"
        if not target.exists():
            generate(self.accounts, seed=1, directory=target, changed=rows, first_day=False)
        return target


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accounts", type=int, action="append", help="Rows of accounts.csv; may be given again.")
    parser.addoption("--rounds", type=int, default=3, help="Rounds of each step.")
    parser.addoption("--curve-changes", type=int, action="append", help="Changed rows, at the largest size.")


def sizes(config: pytest.Config) -> list[int]:
    return sorted(config.getoption("--accounts") or [10_000])


def changes(config: pytest.Config) -> list[int]:
    return sorted(config.getoption("--curve-changes") or [10, 100, 1_000])


@pytest.fixture(scope="session")
def rounds(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--rounds"))


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The place of a size; it is deleted when the next size comes, for a large one takes gigabytes."""
    made = Place(tmp_path_factory.mktemp(f"accounts-{request.param}"), request.param)
    yield made
    shutil.rmtree(made.root)
