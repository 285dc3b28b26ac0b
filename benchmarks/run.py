"""One command for all: measure, and write the report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from report import write

HERE = Path(__file__).parent


@click.command()
@click.option("--accounts", type=int, multiple=True, default=[10_000], show_default=True, help="Sizes.")
@click.option("--changes", type=int, multiple=True, default=[10, 100, 1_000], show_default=True, help="Changed rows.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of each step; the report has medians.")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Directory of results.json and the report.")
@click.option("--only", help="Steps to run, as pytest's -k.")
def main(accounts: tuple[int, ...], changes: tuple[int, ...], rounds: int, to: Path, only: str | None) -> None:
    """Measure lc-ibis against hand-written SQL: report.md, two pictures, and the figures as results.json."""
    to.mkdir(parents=True, exist_ok=True)
    results = to / "results.json"
    sizes = [f"--accounts={size}" for size in accounts]
    many = [f"--curve-changes={rows}" for rows in changes]
    options = [f"--rounds={rounds}", f"--benchmark-json={results}", *(["-k", only] if only else [])]
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_build.py")]
    ended = subprocess.run([*pytest, *sizes, *many, *options], cwd=HERE)
    if ended.returncode:
        raise click.ClickException("A step failed; see above.")
    click.echo(f"wrote {write(results, to)}")


if __name__ == "__main__":
    main()
