#!/usr/bin/env bash
# first(order_by=...).over(...) drops the order.
#
# ibis-framework 12.0.0 with duckdb 1.5.6, sqlglot 30.10.0.
#
# Expected: status.first(order_by=day).over(group_by=account) is each account's status on its first day, as
# status.first(order_by=day) is in an aggregation.
#
# Seen: over(group_by=...) drops the order_by of first(): the SQL is FIRST_VALUE(status) OVER (PARTITION BY
# account), without an ORDER BY, and the answer is whichever row is read first. No error, no warning.
# Workaround: order the window, .first().over(group_by="account", order_by="day").
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
con.raw_sql("CREATE TABLE history AS SELECT * FROM (VALUES (1, 3, 'closed'), (1, 1, 'new')) AS t(account, day, status)")
history = con.table("history")
expected = history.group_by("account").aggregate(status=history.status.first(order_by=history.day))
lost = history.mutate(began=history.status.first(order_by=history.day).over(group_by="account"))
ordered = history.mutate(began=history.status.first().over(group_by="account", order_by="day"))
sql = ibis.to_sql(lost, dialect="duckdb")
print(sql)
seen = {name: con.to_pyarrow(query).to_pylist() for name, query in
        {"aggregated": expected, "over": lost, "ordered": ordered}.items()}
for name, rows in seen.items():
    print(name, rows)
is_so = "ORDER BY" not in sql and {row["began"] for row in seen["over"]} == {"closed"}
sys.exit(0 if is_so and seen["aggregated"][0]["status"] == "new" else 1)
PYTHON
