#!/usr/bin/env bash
# Ibis leaves out a cast to the type it infers, though DuckDB's own type differs: sum().cast("int64") is a HUGEINT.
#
# ibis-framework 12.0.0 with duckdb 1.5.6, sqlglot 30.10.0.
#
# Expected: amount.sum().cast("int64") is an int64 in the database.
#
# Seen: Ibis takes the sum of an int64 for an int64 and leaves the cast out of the SQL. DuckDB's sum is a HUGEINT, so
# that CREATE TABLE AS makes a HUGEINT column. In the same way literal(1, "int64").cast("int64") is what DuckDB
# takes a 1 for: an INTEGER.
# Workaround: cast by way of another type, .cast("decimal(38, 0)").cast("int64").
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb]==12.0.0" "duckdb==1.5.6" "sqlglot==30.10.0"
timeout 300 venv/bin/python - <<'PYTHON'
import sys

import ibis

con = ibis.duckdb.connect()
con.raw_sql("CREATE TABLE payment AS SELECT 1::BIGINT AS amount")
payment = con.table("payment")
query = payment.aggregate(
    total=payment.amount.sum().cast("int64"),
    one=ibis.literal(1, "int64").cast("int64"),
    around=payment.amount.sum().cast("decimal(38, 0)").cast("int64"),
)
print("Ibis says:  ", dict(query.schema()))
sql = ibis.to_sql(query, dialect="duckdb")
stored = {row[0]: row[1] for row in con.raw_sql(f"DESCRIBE {sql}").fetchall()}
print("DuckDB says:", stored)
print(sql)
is_so = all(type_.is_int64() for type_ in query.schema().values())
sys.exit(0 if is_so and stored == {"total": "HUGEINT", "one": "INTEGER", "around": "BIGINT"} else 1)
PYTHON
