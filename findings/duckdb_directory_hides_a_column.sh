#!/usr/bin/env bash
# read_parquet of one file below a directory customer_id=7 returns 7 for the file's own column customer_id, in every row.
#
# duckdb 1.5.6, pyarrow 26.0.1.
#
# Expected: read_parquet of one file, by its name and without a pattern, gives the columns that the file has.
#
# Seen: where a directory anywhere above the file is called like one of its columns, customer_id=7, DuckDB gives the
# directory's value for that column in every row, and the values in the file are lost, without a word; the type is the
# guessed one too. hive_partitioning is on by itself, for one file as for many. PyArrow reads what the file holds.
# Workaround: hive_partitioning = false.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "duckdb==1.5.6" "pyarrow==26.0.1"
timeout 300 venv/bin/python - <<'PYTHON'
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

file = Path("customer_id=7/project/rows.parquet")
file.parent.mkdir(parents=True)
duckdb.sql(f"COPY (SELECT '00' || i AS customer_id FROM range(1, 3) t(i)) TO '{file}'")
there = pq.ParquetFile(file).read()["customer_id"].to_pylist()
read = duckdb.sql(f"FROM read_parquet('{file}')")
given = [value for (value,) in read.fetchall()]
told = [value for (value,) in duckdb.sql(f"FROM read_parquet('{file}', hive_partitioning = false)").fetchall()]
print("the file holds:            ", there)
print("read_parquet gives:        ", given, read.types)
print("hive_partitioning = false: ", told)
sys.exit(0 if there == told == ["001", "002"] and given == [7, 7] else 1)
PYTHON
