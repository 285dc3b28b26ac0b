#!/usr/bin/env bash
# If dbt_valid_to_current is removed or changed, every key gets a second open version.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: a snapshot had dbt_valid_to_current, and it is removed again. The other way round dbt gets along:
# when the setting is added, open rows that still have a null count as current. So open rows that still have
# 9999-12-31 count as current as well, or dbt refuses to go on until they are changed. A run in which the source is the
# same adds nothing.
#
# Seen: without the setting only a null is current. So every row of the source counts as new and gets a second open
# version; dbt says that all passed. Rows at 9999-12-31 are never closed any more, even when their key changes. With
# strategy timestamp the second version is the first one again: same dbt_scd_id, same dbt_valid_from.
#     timestamp: (id 1, 2024-05-01 -> 9999-12-31) (id 1, 2024-05-01 -> 2024-05-02) (id 2, 2024-05-02 -> null)
# Another end in its place, as 9999-12-31 23:59:59, has the same effect: what dbt compares is the present setting.
# Workaround: UPDATE the table's dbt_valid_to before the first run with the other setting.
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
timeout 300 venv/bin/python - <<'PYTHON'
import json, subprocess, sys
from datetime import datetime
from pathlib import Path

import duckdb


def ask(sql):
    with duckdb.connect("shop.duckdb") as con:
        return con.execute(sql).fetchall()


def snapshot(**end):
    strategies = {"by_time": {"strategy": "timestamp", "updated_at": "updated_at"},
                  "by_check": {"strategy": "check", "check_cols": ["status"]}}
    Path("snapshots/shop.yml").write_text(json.dumps({
        "sources": [{"name": "raw", "schema": "main", "tables": [{"name": "orders"}]}],
        "snapshots": [{"name": name, "relation": "source('raw', 'orders')",
                       "config": {"unique_key": "id", **config, **end}} for name, config in strategies.items()]}))
    ended = subprocess.run(["venv/bin/dbt", "snapshot"], check=True, text=True, stdout=subprocess.PIPE)
    print(next(line for line in ended.stdout.splitlines() if "PASS=" in line))
    assert "PASS=2 WARN=0 ERROR=0" in ended.stdout
    seen = {name: ask(f"SELECT dbt_scd_id, id, status, dbt_valid_from, dbt_valid_to FROM {name} ORDER BY id, rowid")
            for name in strategies}
    for name, rows in seen.items():
        print(name, *(" ".join(map(str, row)) for row in rows), sep="\n  ")
    return seen


def short(rows):
    return [(row[2], row[4]) for row in rows if row[1] == 1]


first, second, far = datetime(2024, 5, 1), datetime(2024, 5, 2), datetime(9999, 12, 31)
ask("CREATE TABLE orders AS SELECT unnest([1, 2]) AS id, 'new' AS status, TIMESTAMP '2024-05-01' AS updated_at")
snapshot(dbt_valid_to_current="'9999-12-31'::timestamp")
left = snapshot()
ask("UPDATE orders SET status = 'paid', updated_at = '2024-05-02' WHERE id = 1")
changed = snapshot()
is_so = all([(row[1], row[4]) for row in rows] == [(1, far), (1, None), (2, far), (2, None)] for rows in left.values())
one, again, other, another = left["by_time"]
is_so = is_so and one[:4] == again[:4] and other[:4] == another[:4] and one[3] == first
is_so = is_so and len({row[0] for row in left["by_check"]}) == 4
is_so = is_so and short(changed["by_time"]) == [("new", far), ("new", second), ("paid", None)]
(old, end), (closed, then), last = short(changed["by_check"])
is_so = is_so and (old, end, closed, last) == ("new", far, "new", ("paid", None)) and then is not None and then != far
sys.exit(0 if is_so else 1)
PYTHON
