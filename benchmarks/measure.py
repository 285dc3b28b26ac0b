"""Measure lc-ibis against the floor, in one sitting, taking turns, and print the medians as Markdown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from generate import generate

HERE = Path(__file__).parent
LC_IBIS = [sys.executable, "-c", "from lc_ibis.cli import main; main()"]
BUILD = [*LC_IBIS, "build", "--json"]
FLOOR = [sys.executable, str(HERE / "floor.py")]

# By name: the command, the database that it writes to, and the day that it reads.
STEPS = {
    "floor": (FLOOR, "floor", 1),
    "lean floor": ([*FLOOR, "--lean"], "lean", 1),
    "first build": (BUILD, "ours", 1),
    "nothing changed": (BUILD, "ours", 1),
    "day 2": (BUILD, "ours", 2),
}
OURS = [name for name, (command, _, _) in STEPS.items() if command is BUILD]


@dataclass(frozen=True)
class Taken:
    """What one command took; `report` is what it printed as JSON, empty for the floor."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    report: Any


def taken(command: list[str]) -> Taken:
    """Run a command; time, processor time and peak memory are its process's alone."""
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode()
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}.\n{text}")
    # Linux counts maxrss in units of 1024 bytes, macOS in bytes.
    peak_mb = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Taken(seconds, used.ru_utime + used.ru_stime, peak_mb, json.loads(text or "{}"))


def one_round(extracts: Path) -> dict[str, Taken]:
    """Take each step once, into a new directory that is deleted after."""
    with tempfile.TemporaryDirectory(dir=extracts) as name:
        return {step: taken(_command(step, extracts, Path(name))) for step in STEPS}


def _command(step: str, extracts: Path, place: Path) -> list[str]:
    command, to, day = STEPS[step]
    options = {"--inputs": extracts / f"day{day}", "--database": place / f"{to}.duckdb", "--outputs": place / to}
    if command is BUILD:
        options["--reports"] = place / "reports"
    return [*command, *(str(word) for option in options.items() for word in option)]


def steps_table(rounds: list[dict[str, Taken]]) -> str:
    """Return a row a step: medians, and the median's ratio to the floor's."""
    lines = [
        "| run | seconds | least to most | processor s | peak MB | ratio to the floor |",
        "|---|---|---|---|---|---|",
    ]
    floor = median(r["floor"].seconds for r in rounds)
    for step in STEPS:
        seconds = sorted(r[step].seconds for r in rounds)
        cpu = median(r[step].cpu_seconds for r in rounds)
        peak = median(r[step].peak_mb for r in rounds)
        spread = f"{seconds[0]:.2f} to {seconds[-1]:.2f}"
        name = f"lc-ibis, {step}" if step in OURS else step
        lines.append(
            f"| {name} | {median(seconds):.2f} | {spread} | {cpu:.1f} | {peak:.0f} | {median(seconds) / floor:.2f} |"
        )
    return "\n".join(lines)


def parts_table(rounds: list[dict[str, Taken]]) -> str:
    """Return where the time of lc-ibis goes: a row a table, and what is left for checks, outputs and start."""
    lines = [f"| seconds | {' | '.join(OURS)} |", "|---|" + "---|" * len(OURS)]
    by_step = {s: [{t["table"]: t["seconds"] for t in r[s].report["tables"]} for r in rounds] for s in OURS}
    for table in by_step[OURS[0]][0]:
        cells = (f"{median(seconds[table] for seconds in by_step[s]):.2f}" for s in OURS)
        lines.append(f"| {table} | {' | '.join(cells)} |")
    checks, outside = [], []
    for s in OURS:
        within = [r[s].report["seconds"] for r in rounds]
        checks.append(median(w - sum(t.values()) for w, t in zip(within, by_step[s], strict=True)))
        outside.append(median(r[s].seconds - w for r, w in zip(rounds, within, strict=True)))
    lines.append(f"| checks, outputs, commit | {' | '.join(f'{seconds:.2f}' for seconds in checks)} |")
    lines.append(f"| start and end of the process | {' | '.join(f'{seconds:.2f}' for seconds in outside)} |")
    return "\n".join(lines)


@click.command()
@click.option("--accounts", default=1_000_000, show_default=True, help="Rows of accounts.csv.")
@click.option("--runs", default=3, show_default=True, help="Rounds; each takes every step once.")
@click.option("--seed", default=1, show_default=True, help="Of the extracts.")
def main(accounts: int, runs: int, seed: int) -> None:
    """Measure first build, nothing changed and day 2 against the floor."""
    with tempfile.TemporaryDirectory(prefix="lc-ibis-benchmark-") as name:
        extracts = Path(name)
        generate(accounts, seed, extracts)
        taken([*LC_IBIS, "ls", "--json"])  # so that no step pays for reading the packages from disk
        rounds = []
        for number in range(runs):
            rounds.append(one_round(extracts))
            seconds = ", ".join(f"{step} {t.seconds:.2f}" for step, t in rounds[-1].items())
            click.echo(f"round {number + 1}: {seconds}", err=True)
    click.echo(f"{accounts:,} accounts, medians of {runs} rounds\n")
    click.echo(steps_table(rounds) + "\n")
    click.echo(parts_table(rounds))


if __name__ == "__main__":
    main()
