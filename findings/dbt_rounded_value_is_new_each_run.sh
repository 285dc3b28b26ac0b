#!/usr/bin/env bash
# A decimal that the table's older type rounds is a new version at every run, equal to the one before.
#
# dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
#
# Expected: strategy check, and the source's DECIMAL(10, 2) becomes a DECIMAL(12, 3). dbt's documentation says that
# the snapshot's column keeps its type. So a value with three decimals is rounded, or is an error; and as long as the source
# stays the same, no more versions are made.
#
# Seen: the value is rounded as it is stored, but compared unrounded: 12.35 in the table is not 12.346 in the source.
# From then on every run adds a version that equals the one before, for each row whose value does not fit; dbt says
# that all passed, without a warning.
#     12.34, then at each run from the second on: 12.35, 12.35, 12.35
# Workaround: cast in the query to the type of the table, or ALTER the table's column.
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
sources: [{name: raw, schema: main, tables: [{name: prices}]}]
snapshots:
  - {name: history, relation: "source('raw', 'prices')", config: {strategy: check, check_cols: [price], unique_key: id}}
YAML
timeout 300 venv/bin/python - <<'PYTHON'
import subprocess, sys
from decimal import Decimal
from itertools import pairwise

import duckdb


def ask(sql):
    with duckdb.connect("shop.duckdb") as con:
        return con.execute(sql).fetchall()


def snapshot():
    ended = subprocess.run(["venv/bin/dbt", "snapshot"], check=True, text=True, stdout=subprocess.PIPE)
    return next(line for line in ended.stdout.splitlines() if "PASS=" in line)


ask("CREATE TABLE prices (id INTEGER, price DECIMAL(10, 2)); INSERT INTO prices VALUES (1, 12.34), (2, 5.10)")
said = [snapshot()]
ask("ALTER TABLE prices ALTER price TYPE DECIMAL(12, 3); UPDATE prices SET price = 12.346 WHERE id = 1")
said += [snapshot() for _ in range(3)]
print(*said, sep="\n")
rows = ask("SELECT id, price, dbt_valid_from, dbt_valid_to FROM history ORDER BY id, rowid")
print(*(" ".join(map(str, row)) for row in rows), sep="\n")
type_ = ask("SELECT typeof(price) FROM history")[0][0]
print("the table's type:", type_)
changed = [row for row in rows if row[0] == 1]
is_so = [str(row[1]) for row in changed] == ["12.34", "12.35", "12.35", "12.35"] and type_ == "DECIMAL(10,2)"
is_so = is_so and all(old[3] == new[2] for old, new in pairwise(changed)) and changed[-1][3] is None
is_so = is_so and [(row[1], row[3]) for row in rows if row[0] == 2] == [(Decimal("5.10"), None)]
sys.exit(0 if is_so and all("PASS=1 WARN=0 ERROR=0" in line for line in said) else 1)
PYTHON
