#!/usr/bin/env bash
# A row that was gone and comes back with the same updated_at gets the dbt_scd_id and the start of its first version. The
# deletion's row ends before it begins.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: strategy timestamp, a row that is missing from the source for a while and comes back as it was, with the
# same updated_at. The history has no version while it was gone: the version before ends when dbt misses the row, the
# one after begins when dbt sees it again, and each has a dbt_scd_id of its own, which is documented as unique for each
# row of the snapshot. With hard_deletes new_record the three rows join without a gap, as in the documentation.
#
# Seen: the row that comes back begins at updated_at, which is before it was gone, and has the dbt_scd_id of the first
# one. With new_record the deletion's row is closed at updated_at as well: it ends before it begins. So one time before
# the deletion has two versions, and nothing tells when the row came back. dbt does not warn.
#     new_record: (id 1, 2024-05-01 -> now, False) (id 2, now -> 2024-05-01, True) (id 1, 2024-05-01 -> null, False)
#     invalidate: (id 1, 2024-05-01 -> now) (id 1, 2024-05-01 -> null)
# Workaround: the check strategy without updated_at, whose versions begin when dbt sees them.
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
  - {name: with_rows, relation: "source('raw', 'orders')",
     config: {strategy: timestamp, updated_at: updated_at, unique_key: id, hard_deletes: new_record}}
  - {name: without_rows, relation: "source('raw', 'orders')",
     config: {strategy: timestamp, updated_at: updated_at, unique_key: id, hard_deletes: invalidate}}
YAML
timeout 300 venv/bin/python - <<'PYTHON'
import subprocess, sys
from datetime import datetime

import duckdb


def ask(sql):
    with duckdb.connect("shop.duckdb") as con:
        return con.execute(sql).fetchall()


def snapshot(sql):
    ask(sql)
    began = datetime.now()
    subprocess.run(["venv/bin/dbt", "--quiet", "snapshot"], check=True)
    return began, datetime.now()


day = datetime(2024, 5, 1)
snapshot("CREATE TABLE orders AS SELECT 1 AS id, 'paid' AS status, TIMESTAMP '2024-05-01' AS updated_at")
gone = snapshot("CREATE TABLE kept AS FROM orders; DELETE FROM orders")
snapshot("INSERT INTO orders FROM kept")
seen = {}
for name, more in {"with_rows": ", dbt_is_deleted", "without_rows": ""}.items():
    seen[name] = ask(f"SELECT dbt_scd_id, dbt_valid_from, dbt_valid_to{more} FROM {name} ORDER BY rowid")
    print(name, *(" ".join(map(str, row)) for row in seen[name]), sep="\n  ")
then = ask("SELECT count(*) FROM with_rows WHERE dbt_valid_from <= '2024-06-01' AND "
           "(dbt_valid_to > '2024-06-01' OR dbt_valid_to IS NULL)")[0][0]
print("versions that were valid on 1 June 2024:", then)
(first, _, missed, _), (deletion, *_) = seen["with_rows"][:2]
(one, _, ended), *_ = seen["without_rows"]
is_so = seen["with_rows"] == [
    (first, day, missed, "False"), (deletion, missed, day, "True"), (first, day, None, "False")
] and seen["without_rows"] == [(one, day, ended), (one, day, None)]
is_so = is_so and first != deletion and all(gone[0] < time < gone[1] for time in (missed, ended)) and then == 2
sys.exit(0 if is_so else 1)
PYTHON
