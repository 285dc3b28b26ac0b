#!/usr/bin/env bash
# Check strategy with updated_at: a change under the same time repeats the dbt_scd_id and leaves a version that was valid
# for no time.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: strategy check with an updated_at, which dbt's documentation recommends where updated_at cannot be relied
# upon to tell that a row changed. A value that changes while updated_at stays is a new version, with a dbt_scd_id of
# its own (documented as unique for each row of the snapshot), and the old one ends no earlier than it began.
#
# Seen: the new version begins where the old one began, with the old one's dbt_scd_id, and the old one ends there too:
# it was valid for no time. If updated_at goes back, the old version ends before it began. A unique test on dbt_scd_id
# fails, a query as of whatever time never finds the values before, and the times do not put them in order.
#     updated_at stays at 05-02:         (id 1, 10, 05-02 -> 05-02) (id 1, 11, 05-02 -> 05-02) (id 1, 12, 05-02 -> null)
#     it goes from 05-02 back to 05-01:  (id 2, 20, 05-02 -> 05-01) (id 3, 21, 05-01 -> null)
# Workaround: leave updated_at out.
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
     config: {strategy: check, check_cols: [amount], updated_at: updated_at, unique_key: id}}
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
    subprocess.run(["venv/bin/dbt", "--quiet", "snapshot"], check=True)


snapshot("CREATE TABLE orders AS FROM (VALUES (1, 10, TIMESTAMP '2024-05-02'), (2, 20, '2024-05-02')) "
         "AS t(id, amount, updated_at)")
snapshot("UPDATE orders SET amount = 11 WHERE id = 1; "
         "UPDATE orders SET amount = 21, updated_at = '2024-05-01' WHERE id = 2")
snapshot("UPDATE orders SET amount = 12 WHERE id = 1")
rows = ask("SELECT dbt_scd_id, amount, dbt_valid_from, dbt_valid_to FROM history ORDER BY amount")
print(*(" ".join(map(str, row)) for row in rows), sep="\n")
found = ask("SELECT DISTINCT amount FROM history, "
            "generate_series(TIMESTAMP '2024-04-30', TIMESTAMP '2024-05-04', INTERVAL 1 HOUR) AS t(hour) "
            "WHERE dbt_valid_from <= hour AND (dbt_valid_to > hour OR dbt_valid_to IS NULL) ORDER BY amount")
print("amounts that were valid in some hour:", found)
before, day = datetime(2024, 5, 1), datetime(2024, 5, 2)
one, two, three = rows[0][0], rows[3][0], rows[4][0]
is_so = rows == [(one, 10, day, day), (one, 11, day, day), (one, 12, day, None),
                 (two, 20, day, before), (three, 21, before, None)]
sys.exit(0 if is_so and len({one, two, three}) == 3 and found == [(12,), (21,)] else 1)
PYTHON
