#!/usr/bin/env bash
# A text like 12:30 in the name of a Hive directory is a ComputeError about CSV.
#
# polars 2.1.0.
#
# Expected: text in the names of Hive's directories, at=12:30, is read as text, or as a time of the day; with dates
# and numbers Polars takes what it can guess, and text otherwise.
#
# Seen: a text that looks like a time of the day ends in "ComputeError: unsupported data type when reading CSV: time",
# though no CSV is read, and one of digits that are not ASCII's (١٢) in "invalid primitive value found during CSV
# parsing". PyArrow, DuckDB and Spark read both as text.
# With try_parse_hive_dates=False the time is read as text; the digits still are an error.
# Workaround: hive_schema={"at": pl.String}.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "polars==2.1.0"
timeout 300 venv/bin/python - <<'PYTHON'
import sys
from pathlib import Path
from urllib.parse import quote

import polars as pl


def read(place, **options):
    try:
        return pl.read_parquet(place, hive_partitioning=True, **options)["at"].to_list()
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


found = {}
for number, text in enumerate(["12:30", "١٢"]):
    place = Path(str(number))
    (place / f"at={quote(text)}").mkdir(parents=True)
    pl.DataFrame({"amount": [1]}).write_parquet(place / f"at={quote(text)}" / "rows.parquet")
    found[text] = read(place), read(place, try_parse_hive_dates=False), read(place, hive_schema={"at": pl.String})
    print([part.name for part in place.iterdir()], *found[text], sep="\n  ")
is_so = all("ComputeError" in str(guessed) and told == [text] for text, (guessed, _, told) in found.items())
sys.exit(0 if is_so else 1)
PYTHON
