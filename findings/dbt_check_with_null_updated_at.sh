#!/usr/bin/env bash
# Check strategy with a null updated_at, for which the current time is documented: nothing is closed, and after a change
# every run adds an open version.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: strategy check with an updated_at that is null in some rows. dbt's documentation says that for a null the
# current timestamp is used.
#
# Seen: it is used only if no updated_at is configured. A version of a null begins at null. When the value changes and
# updated_at is still null, the old version is "closed" at null, so both stay open; from then on every run adds one
# more open version, although the source stays the same, and dbt says that all passed. A second change adds one for
# each open version that there is.
#     (a, null -> null), then b, and at each of the next runs: (b, null -> null), all with one dbt_scd_id
# Workaround: coalesce(updated_at, created_at) in the query.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export TZ=UTC DBT_PROFILES_DIR=. DBT_SEND_ANONYMOUS_USAGE_STATS=false
python3 -m venv venv
venv/bin/pip install -q "dbt-core==1.11.16" "dbt-duckdb==1.11.1" "dbt-adapters==1.24.5" "duckdb==1.5.6"
echo '{name: shop, profile: shop}' > dbt_project.yml
echo '{shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}}' > profiles.yml
mkdir models snapshots
cat > snapshots/shop.yml <<'YAML'
sources: [{name: raw, schema: main, tables: [{name: orders}]}]
snapshots:
  - {name: history, relation: "source('raw', 'orders')",
     config: {strategy: check, check_cols: [status], updated_at: updated_at, unique_key: id}}
YAML
timeout 300 venv/bin/python - <<'PYTHON'
import subprocess, sys

import duckdb


def ask(sql):
    with duckdb.connect("shop.duckdb") as con:
        return con.execute(sql).fetchall()


def snapshot(sql="SELECT 1"):
    ask(sql)
    ended = subprocess.run(["venv/bin/dbt", "snapshot"], check=True, text=True, stdout=subprocess.PIPE)
    assert "PASS=1 WARN=0 ERROR=0" in ended.stdout, ended.stdout
    rows = ask("SELECT status, count(*), count(DISTINCT dbt_scd_id), count(dbt_valid_from), count(dbt_valid_to) "
               "FROM history GROUP BY ALL ORDER BY status")
    print("status, rows, ids, rows with a start, rows with an end:", rows)
    return rows


seen = [
    snapshot("CREATE TABLE orders AS SELECT 1 AS id, 'a' AS status, CAST(NULL AS TIMESTAMP) AS updated_at"),
    snapshot("UPDATE orders SET status = 'b'"), snapshot(), snapshot(), snapshot("UPDATE orders SET status = 'c'"),
]
ids = ask("SELECT count(DISTINCT dbt_scd_id) FROM history")[0][0]
a = ("a", 1, 1, 0, 0)
is_so = seen == [[a], [a, ("b", 1, 1, 0, 0)], [a, ("b", 2, 1, 0, 0)], [a, ("b", 3, 1, 0, 0)],
                 [a, ("b", 3, 1, 0, 0), ("c", 4, 1, 0, 0)]]
sys.exit(0 if is_so and ids == 1 else 1)
PYTHON
