#!/usr/bin/env bash
# With versions that Ibis' requirements allow, con.sql(), lists of tables, streams of rows, drops and replacing tables raise
# errors.
#
# ibis-framework 12.0.0 with duckdb 2.0.1 and sqlglot 30.30.0, which its requirements allow
# (duckdb!=1.3.0,>=0.10.3; sqlglot!=26.32.0,>=23.4).
#
# Expected: a connection of Ibis to DuckDB does what it did with duckdb 1.5.6 and sqlglot 30.10.0.
#
# Seen: con.sql(), table.sql(), list_tables(), list_databases() and list_catalogs() raise AttributeError
# (fetch_arrow_table), and so do streams of rows (fetch_record_batch). drop_table(), drop_view(), drop_database() and
# create_table(overwrite=True) send DROP without a name: sqlglot.expressions.Drop has no `this` since 30.11, takes it
# silently, and leaves it out. Reading one of Ibis' settings leaves a result that is not fetched to its end, after
# which nothing else can run on the connection.
# Workaround: a subclass of the backend that has raw_sql() give these methods, and a dialect that writes `this`.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb]==12.0.0" "duckdb==2.0.1" "sqlglot==30.30.0"
timeout 300 venv/bin/python - <<'PYTHON'
import sys

import ibis

con = ibis.duckdb.connect()
con.raw_sql("CREATE TABLE payment AS SELECT 1 AS amount; CREATE VIEW seen AS SELECT 1 AS amount")
payment = con.table("payment")
calls = {
    "sql": lambda: con.sql("SELECT 1 AS one"),
    "table.sql": lambda: payment.sql("SELECT amount FROM payment"),
    "list_tables": con.list_tables,
    "list_databases": con.list_databases,
    "list_catalogs": con.list_catalogs,
    "to_pyarrow_batches": lambda: con.to_pyarrow_batches(payment).read_all(),
    "create_table": lambda: con.create_table("payment", payment, overwrite=True),
    "drop_view": lambda: con.drop_view("seen"),
    "drop_table": lambda: con.drop_table("payment"),
}
works = []
for name, call in calls.items():
    try:
        call()
        works.append(name)
        print(f"{name}: works")
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:110]}")
con.settings["threads"]
try:
    payment.count().to_pyarrow()
    works.append("settings")
except Exception as error:
    print(f"after a setting was read: {type(error).__name__}: {str(error)[:110]}")
sys.exit(1 if works else 0)
PYTHON
