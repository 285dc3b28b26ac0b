#!/usr/bin/env bash
# Deletions are stamped in the machine's local time, beside an updated_at in UTC: a version ends before it begins.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: strategy timestamp on an updated_at in UTC, hard_deletes invalidate. A row that is deleted after it was
# written, by the true clock, ends after it began, wherever dbt runs: dbt's own time is UTC, as in its manifest, or at
# least dbt warns that it is of another zone.
#
# Seen: dbt-duckdb takes now()::timestamp for its own time, which is the wall clock of the session's zone, from TZ or
# the machine. The end of a deleted row is put into a column without a zone beside times in UTC. Where it is five hours
# earlier, the version ends five hours before it began; where it is later, a row stays valid for hours after it was
# deleted. dbt warns only if the two times are of different types, and here they are not.
#     TZ=America/Bogota: 15:30:16 -> 10:30:39      with TimeZone UTC in the profile: 15:30:42 -> 15:31:06
# Workaround, which the script tries as well: "settings: {TimeZone: UTC}" in profiles.yml.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export TZ=America/Bogota DBT_PROFILES_DIR=. DBT_SEND_ANONYMOUS_USAGE_STATS=false
python3 -m venv venv
venv/bin/pip install -q "dbt-core==1.11.16" "dbt-duckdb==1.11.1" "dbt-adapters==1.24.5" "duckdb==1.5.6"
echo '{name: shop, profile: shop}' > dbt_project.yml
mkdir models snapshots
cat > profiles.yml <<'YAML'
shop:
  target: local
  outputs:
    local: {type: duckdb, path: local.duckdb}
    utc: {type: duckdb, path: utc.duckdb, settings: {TimeZone: UTC}}
YAML
cat > snapshots/shop.yml <<'YAML'
sources: [{name: raw, schema: main, tables: [{name: orders}]}]
snapshots:
  - {name: history, relation: "source('raw', 'orders')",
     config: {strategy: timestamp, updated_at: updated_at, unique_key: id, hard_deletes: invalidate}}
YAML
timeout 300 venv/bin/python - <<'PYTHON'
import subprocess, sys
from datetime import datetime, timedelta, timezone

import duckdb


def now():
    return datetime.now(timezone.utc).replace(tzinfo=None)


def ask(target, sql):
    with duckdb.connect(f"{target}.duckdb") as con:
        return con.execute(sql).fetchall()


is_so = True
for target, behind in {"local": timedelta(hours=5), "utc": timedelta()}.items():
    ask(target, f"CREATE TABLE orders AS SELECT 1 AS id, TIMESTAMP '{now()}' AS updated_at")
    subprocess.run(["venv/bin/dbt", "snapshot", "--target", target], check=True, stdout=subprocess.DEVNULL)
    ask(target, "DELETE FROM orders")
    before = now()
    command = ["venv/bin/dbt", "snapshot", "--target", target]
    ended = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    after = now()
    rows = ask(target, "SELECT dbt_valid_from, dbt_valid_to FROM history")
    print(target, "begins, ends:", *map(str, rows[0]), "- deleted after", before)
    is_so = is_so and len(rows) == 1 and before <= rows[0][1] + behind <= after and "PASS=1 WARN=0" in ended.stdout
    is_so = is_so and (rows[0][1] < rows[0][0]) == (target == "local")
sys.exit(0 if is_so else 1)
PYTHON
