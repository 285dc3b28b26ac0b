#!/usr/bin/env bash
# If two columns hold the same scalar subquery, the first is lost: both get the second's name.
#
# ibis-framework 12.0.0 with duckdb 1.5.6, sqlglot 30.10.0.
#
# Expected: a table with two columns that hold the same scalar subquery, a total shown twice or used in two
# checks, compiles to two columns of those names.
#
# Seen: both columns are written with the second name. The first column is missing, and to_pyarrow() raises
# KeyError. Where the second column computes with the subquery, the SQL has an alias inside an expression, which is
# no SQL: DuckDB raises a ParserException.
# Workaround: make the first column, and the second from it in a second mutate.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb]==12.0.0" "duckdb==1.5.6" "sqlglot==30.10.0"
timeout 300 venv/bin/python - <<'PYTHON'
import sys

import duckdb
import ibis

account = ibis.table({"balance": "int64"}, name="account")
customer = ibis.table({"customer_id": "int64"}, name="customer")
count = customer.count().as_scalar()
con = ibis.duckdb.connect()
con.create_table("account", schema=account.schema())
con.create_table("customer", schema=customer.schema())

twice = account.mutate(customers=count, readers=count)
sql = ibis.to_sql(twice, dialect="duckdb")
print(sql)
try:
    con.to_pyarrow(twice)
    said = "no error"
except KeyError as error:
    said = f"KeyError: {error}"
print("two columns of one subquery:", said)
more = account.mutate(customers=count, places=count + 1)
try:
    con.to_pyarrow(more)
    also = "no error"
except duckdb.ParserException as error:
    also = f"ParserException: {str(error).splitlines()[0]}"
print("a column that adds one to it:", also)
first = account.mutate(customers=count)
print("one after the other:", con.to_pyarrow(first.mutate(readers=first.customers)).column_names)
is_so = 'AS "customers"' not in sql and sql.count('AS "readers"') == 2
sys.exit(0 if is_so and said.startswith("KeyError") and also.startswith("ParserException") else 1)
PYTHON
