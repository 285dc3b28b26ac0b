#!/usr/bin/env bash
# To import the SQL compiler of one of Ibis' backends imports those of all others, some twenty.
#
# ibis-framework 12.0.0, sqlglot 30.10.0, without any backend's package installed.
#
# Expected: ibis.backends.sql.compilers.duckdb imports what DuckDB's dialect needs.
#
# Seen: its package's __init__ imports every compiler (Athena, BigQuery, Druid, Exasol, … Trino), also of engines whose
# packages are not installed. There is no way around, as the package is imported before the module. Workaround: keep the
# SQL of queries that do not change, and import Ibis only for others.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework==12.0.0" "sqlglot==30.10.0" "packaging==26.0"
timeout 120 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import ibis

print("ibis-framework", metadata.version("ibis-framework"), "sqlglot", metadata.version("sqlglot"))
start = "ibis.backends.sql.compilers."
before = {name for name in sys.modules if name.startswith(start)}
import ibis.backends.sql.compilers.duckdb

after = sorted(name.removeprefix(start) for name in sys.modules if name.startswith(start))
others = [name for name in after if name.split(".")[0] not in ("base", "duckdb")]
absent = [name for name in ("bigquery", "trino", "snowflake", "clickhouse") if name in others]
print("before:", sorted(before), "\nafter:", ", ".join(after))
print(f"{len(others)} compilers of other engines, of which {', '.join(absent)} have no package here")
sys.exit(0 if not before and len(others) >= 15 and len(absent) == 4 else 1)
PYTHON
