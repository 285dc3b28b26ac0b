"""Measure lc-ibis on Spark against a job of PySpark written by hand: seconds, Spark jobs and shuffles."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import click
from generate import generate

HERE = Path(__file__).parent
EVENTS = "spark.eventLog.enabled true\nspark.eventLog.dir file://{}\nspark.eventLog.compress false\n"
SHUFFLED = "internal.metrics.shuffle.write.recordsWritten"


@dataclass(frozen=True)
class Taken:
    """What one command took; `checks` are the seconds of them that its checks took."""

    seconds: float
    checks: float
    jobs: int
    shuffles: int


def run(command: list[str], conf: Path) -> Taken:
    """Run a command to its end; Spark writes down its jobs and stages beside its settings, in `conf`."""
    events = conf / "events"
    shutil.rmtree(events, ignore_errors=True)
    events.mkdir(parents=True)
    (conf / "spark-defaults.conf").write_text(EVENTS.format(events))
    started = perf_counter()
    ended = subprocess.run(command, env={**os.environ, "SPARK_CONF_DIR": str(conf)}, capture_output=True, text=True)
    seconds = perf_counter() - started
    if ended.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {ended.returncode}.\n{ended.stderr}")
    checks = json.loads(ended.stdout)["checks_seconds"] if ended.stdout.startswith("{") else 0.0
    return Taken(seconds, checks, *counted(events))


def counted(events: Path) -> tuple[int, int]:
    """Return how many jobs Spark ran, and how many stages of them shuffled rows to a next one."""
    jobs = shuffles = 0
    for file in events.rglob("events_*"):
        with file.open() as lines:
            for event in map(json.loads, lines):
                jobs += event["Event"] == "SparkListenerJobStart"
                if event["Event"] == "SparkListenerStageCompleted":
                    shuffles += any(a["Name"] == SHUFFLED for a in event["Stage Info"]["Accumulables"])
    return jobs, shuffles


def life(root: Path, extracts: Path) -> dict[str, Taken]:
    """Run the steps of two days, by hand and by lc-ibis, from empty places."""
    places = {who: root / who for who in ("by hand", "lc-ibis")}
    for place in places.values():
        shutil.rmtree(place, ignore_errors=True)

    def by_hand(day: str) -> Taken:
        words = ["--inputs", str(extracts / day), "--database", str(places["by hand"])]
        return run([sys.executable, str(HERE / "floor_spark.py"), *words], root / "conf")

    def ours(day: str, *options: str) -> Taken:
        place = places["lc-ibis"]
        words = {"--inputs": extracts / day, "--database": place / "tables", "--outputs": place / "outputs"}
        given = [str(word) for pair in words.items() for word in pair]
        build = [sys.executable, "-m", "lc_ibis", "build", "--backend", "spark", "--json"]
        return run([*build, *given, "--reports", str(place / "reports"), *options], root / "conf")

    return {
        "by hand, first build": by_hand("day1"),
        "lc-ibis, first build": ours("day1"),
        "lc-ibis, nothing changed": ours("day1"),
        "by hand, day 2": by_hand("day2"),
        "lc-ibis, day 2": ours("day2"),
        "lc-ibis, full refresh": ours("day2", "--full-refresh"),
    }


def table(rounds: list[dict[str, Taken]]) -> str:
    """Return medians as Markdown, each step of lc-ibis beside the same day's by hand."""
    lines = [
        "| step | seconds | least to most | of them checks | to the job by hand | without checks | jobs | shuffles |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for step in rounds[0]:
        took = [one[step].seconds for one in rounds]
        checks = median(one[step].checks for one in rounds)
        day = "day 2" if "day 2" in step or "full refresh" in step else "first build"
        floor = median(one[f"by hand, {day}"].seconds for one in rounds)
        ours = step.startswith("lc-ibis")
        ratios = [f"{median(took) / floor:.2f} ×", f"{(median(took) - checks) / floor:.2f} ×"] if ours else ["", ""]
        spread = f"{min(took):.1f} to {max(took):.1f}"
        told = [f"{median(took):.1f}", spread, f"{checks:.1f}" if ours else "", *ratios]
        lines.append(f"| {' | '.join([step, *told, str(rounds[-1][step].jobs), str(rounds[-1][step].shuffles)])} |")
    return "\n".join(lines)


@click.command()
@click.option("--accounts", default=10_000, show_default=True, help="Rows of accounts.csv.")
@click.option("--rounds", default=3, show_default=True, help="Rounds; the table has medians.")
def main(accounts: int, rounds: int) -> None:
    """Print a table of each step's time, beside that of a PySpark job written by hand."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        generate(accounts, seed=1, directory=root / "extracts")
        click.echo(table([life(root, root / "extracts") for _ in range(rounds)]))


if __name__ == "__main__":
    main()
