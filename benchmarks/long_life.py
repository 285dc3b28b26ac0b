"""A long life: hundreds of daily loads, and whether a load, or the database, grows with them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click
import duckdb
from generate import generate

SOURCES = {"Customer": "CustomerID", "accounts": "AccountID"}
# By source: the column that a changed row has another value in.
CHANGED = {
    "Customer": "Name = trim(Name) || ' ' || chr(65 + ($day % 26)::INTEGER)",
    "accounts": "Balance = (($day * 7919 + hash(AccountID)) % 4_000_000)::DECIMAL(18, 0) * 0.01",
}


class Days:
    """The extracts of one day after another: 0.1 % of the rows changed, 0.05 % gone, 0.05 % new."""

    def __init__(self, accounts: int, seed: int, directory: Path):
        generate(accounts, seed, directory / "generated")
        self.directory, self.con = directory / "inputs", duckdb.connect()
        self.directory.mkdir()
        for file in SOURCES:
            place = directory / "generated/day1" / f"{file}.csv"
            self.con.execute(f"CREATE TABLE {file} AS FROM read_csv('{place}', all_varchar = true)")
        shutil.rmtree(directory / "generated")

    def write(self, day: int) -> None:
        """Write the extracts of a day, from those of the day before."""
        for file, key in SOURCES.items():
            if day:
                self._change(file, key, day)
            self.con.execute(f"COPY {file} TO '{self.directory / file}.csv' (FORMAT csv, HEADER true)")

    def _change(self, file: str, key: str, day: int) -> None:
        draw = f"hash(concat_ws('/', {day}, {key}))"
        self.con.execute(f"UPDATE {file} SET {CHANGED[file].replace('$day', str(day))} WHERE {draw} % 1000 = 0")
        self.con.execute(f"DELETE FROM {file} WHERE {draw} % 2000 = 1")
        prefix = "A" if file == "accounts" else ""
        first = 900_000_000 + day * 1_000_000
        count = f"(SELECT count(*) // 2000 FROM {file})"
        others = f"* REPLACE ('{prefix}' || ({first} + row_number() OVER ()) AS {key})"
        self.con.execute(f"INSERT INTO {file} SELECT {others} FROM {file} WHERE {key} <> '' LIMIT {count}")


def loads(directory: Path, days: Days, count: int, options: list[str]) -> Iterator[dict[str, Any]]:
    """Build one day after another, each in a process of its own; yield what it took and what there is."""
    database = directory / "lc.duckdb"
    places = {"database": database, "inputs": days.directory, "outputs": directory / "outputs"}
    places["reports"] = directory / "reports"
    words = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    for day in range(count):
        days.write(day)
        started = time.perf_counter()
        command = [sys.executable, "-m", "lc_ibis", "build", *words, *options, "--json"]
        ended = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if ended.returncode:
            raise click.ClickException(ended.stderr)
        told = json.loads(ended.stdout)
        rows = {table["table"]: table["row_count"] for table in told["tables"]}
        yield {
            "load": day + 1, "seconds": seconds, "megabytes": database.stat().st_size / 1e6,
            "versions": rows["snap_account"], "accounts": rows["stg_account"],
        }  # fmt: skip


@click.command()
@click.option("--accounts", default=100_000, show_default=True, help="Rows of accounts.csv.")
@click.option("--count", default=365, show_default=True, help="How many daily loads.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same files.")
@click.option("--at", "directory", type=click.Path(path_type=Path), required=True, help="A new directory to work in.")
def main(accounts: int, count: int, seed: int, directory: Path) -> None:
    """Load day after day, and print a row for each tenth of the time; then compact, and verify."""
    directory.mkdir(parents=True)
    taken = []
    for load in loads(directory, Days(accounts, seed, directory), count, []):
        taken.append(load)
        click.echo(f"\r{load['load']} of {count}", nl=False, err=True)
    click.echo(err=True)
    click.echo("| loads | seconds, median | database MB | versions | accounts |\n|---|---|---|---|---|")
    step = max(count // 10, 1)
    for first in range(0, count, step):
        part = taken[first : first + step]
        last = part[-1]
        seconds = median(load["seconds"] for load in part)
        click.echo(
            f"| {part[0]['load']} to {last['load']} | {seconds:.2f} | {last['megabytes']:.0f} | "
            f"{last['versions']:,} | {last['accounts']:,} |"
        )
    for command in (["compact"], ["verify"]):
        words = [sys.executable, "-m", "lc_ibis", *command, "--database", str(directory / "lc.duckdb")]
        ended = subprocess.run(words, capture_output=True, text=True)
        click.echo((ended.stdout or ended.stderr).strip().splitlines()[-1])
    (directory / "loads.json").write_text(json.dumps(taken, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
