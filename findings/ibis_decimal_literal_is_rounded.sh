#!/usr/bin/env bash
# A Decimal literal becomes DECIMAL(18,3): 0.0125 is 0.013 without an error, and 9999999999999999.99 does not fit.
#
# ibis-framework 12.0.0, duckdb 1.5.6
#
# Expected: a literal of a Decimal is that number: the rate 0.0125 compares equal to ibis.literal(Decimal("0.0125")).
#
# Seen: Ibis takes it for a decimal without precision and scale, and DuckDB's "decimal" is DECIMAL(18,3): the literal is
# 0.013, without an error, and one of 16 digits before the point is a conversion error.
# Workaround: say the type: ibis.literal(Decimal("0.0125"), type="decimal(5, 4)").
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb]==12.0.0" "duckdb==1.5.6" "sqlglot==30.10.0"
timeout 100 venv/bin/python - <<'PYTHON'
import sys
from decimal import Decimal

import ibis

con = ibis.duckdb.connect()
rate = Decimal("0.0125")
plain, typed = ibis.literal(rate), ibis.literal(rate, type="decimal(5, 4)")
print(ibis.to_sql(plain, dialect="duckdb"))
seen = [con.to_pyarrow(value).as_py() for value in (plain, typed)]
print("without a type:", seen[0], "   with one:", seen[1])
try:
    con.to_pyarrow(ibis.literal(Decimal("9999999999999999.99")))
    error = ""
except Exception as raised:
    error = str(raised).splitlines()[0]
print(error)
sys.exit(0 if seen == [Decimal("0.013"), rate] and "DECIMAL(18,3)" in error else 1)
PYTHON
