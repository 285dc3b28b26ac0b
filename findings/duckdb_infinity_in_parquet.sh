#!/usr/bin/env bash
# DuckDB writes the timestamp 'infinity' to Parquet as the year 294247.
#
# duckdb 1.5.6, pyarrow 26.0.1.
#
# Expected: TIMESTAMP 'infinity', which histories have as the end of a version that is still valid, is an error when
# it is written to Parquet, which has no infinity; or it comes out as null.
#
# Seen: DuckDB writes the largest number that fits, 9223372036854775807 microseconds, silently. It reads that
# back as infinity. To others it is the year 294247: PyArrow's to_pylist() raises OverflowError ("date value out of
# range"), Spark 4.0.5 shows +294247-01-10 04:00:54.775807. DATE 'infinity' becomes the year 5881580.
# Workaround: nullif(valid_to, 'infinity') in the COPY.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "duckdb==1.5.6" "pyarrow==26.0.1"
timeout 300 venv/bin/python - <<'PYTHON'
import sys

import duckdb
import pyarrow.parquet as pq

duckdb.sql("COPY (SELECT 1 AS id, TIMESTAMP 'infinity' AS valid_to, DATE 'infinity' AS last_day) TO 'history.parquet'")
back = duckdb.sql("SELECT isinf(valid_to), isinf(last_day) FROM 'history.parquet'").fetchone()
print("DuckDB reads infinity:", back)
rows = pq.read_table("history.parquet")
number = rows["valid_to"].cast("int64").to_pylist()
print("PyArrow reads:", rows.schema.field("valid_to").type, number, rows["valid_to"].cast("string").to_pylist())
said = []
for name in ("valid_to", "last_day"):
    try:
        said.append(str(rows[name].to_pylist()))
    except OverflowError as error:
        said.append(f"OverflowError: {error}")
    print(name, said[-1])
is_so = back == (True, True) and number == [2**63 - 1] and all(one.startswith("OverflowError") for one in said)
sys.exit(0 if is_so else 1)
PYTHON
