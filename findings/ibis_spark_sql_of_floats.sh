#!/usr/bin/env bash
# to_sql(..., dialect="pyspark") of a float column raises AttributeError until ibis.pyspark has been named once.
#
# ibis-framework 12.0.0, duckdb 1.5.6, sqlglot 30.10.0.
#
# Expected: ibis.to_sql(table, dialect="pyspark") writes the SQL of any table, as it does for other dialects.
#
# Seen: a column of floats raises AttributeError ("'NoneType' object has no attribute 'treat_nan_as_null'") until
# ibis.pyspark has been named once, which needs PySpark installed: only that registers the option that the compiler reads.
# Workaround: name ibis.pyspark first.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb]==12.0.0" "duckdb==1.5.6" "sqlglot==30.10.0"
timeout 300 venv/bin/python - <<'PYTHON'
import sys

import ibis

payment = ibis.table({"amount": "float64"}, name="payment")
query = payment.select(double=payment.amount * 2)
print("databricks:", ibis.to_sql(query, dialect="databricks", pretty=False))
said = ""
try:
    print("pyspark:", ibis.to_sql(query, dialect="pyspark", pretty=False))
except AttributeError as error:
    said = str(error)
    print("pyspark: AttributeError:", said)
sys.exit(0 if "treat_nan_as_null" in said else 1)
PYTHON
