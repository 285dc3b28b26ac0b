#!/usr/bin/env bash
# A pyarrow function of a null returns -9223372036854775808 on Spark and null on DuckDB.
#
# ibis-framework 12.0.0 with pyspark 4.0.5; needs Java 17.
#
# Expected: a function of @ibis.udf.scalar.pyarrow gets arrays of values on Spark, as it does on DuckDB, and
# pyarrow.compute.add(x, 1) of a null is null.
#
# Seen: on Spark Ibis registers it with udf(useArrow=True), which calls it for one row at a time with a Python value.
# For a null the answer is -9223372036854775808, without an error; on DuckDB it is null.
# Workaround: @ibis.udf.scalar.python, or say what becomes of None.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1
python3 -m venv venv
venv/bin/pip install -q "ibis-framework[duckdb,pyspark]==12.0.0" "pyspark==4.0.5" "duckdb==1.5.6" "sqlglot==30.10.0" "pyarrow==26.0.1" "pandas==3.1.1" setuptools
export PYSPARK_PYTHON=$place/venv/bin/python
timeout 400 venv/bin/python - <<'PYTHON'
import sys

import ibis
import pyarrow.compute as pc
from pyspark.sql import SparkSession


@ibis.udf.scalar.pyarrow
def next_one(number: int) -> int:
    return pc.add(number, 1)


spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.sql("SELECT * FROM VALUES (1, 41L), (2, NULL) AS v(id, number)").createOrReplaceTempView("given")
on_spark = ibis.pyspark.connect(spark)
on_duckdb = ibis.duckdb.connect()
on_duckdb.raw_sql("CREATE TABLE given AS SELECT * FROM (VALUES (1, 41::BIGINT), (2, NULL)) AS v(id, number)")
seen = {}
for name, con in (("DuckDB", on_duckdb), ("Spark", on_spark)):
    given = con.table("given")
    rows = con.to_pyarrow(given.select("id", after=next_one(given.number)).order_by("id")).to_pylist()
    seen[name] = [row["after"] for row in rows]
    print(name, seen[name])
spark.stop()
sys.exit(0 if seen == {"DuckDB": [42, None], "Spark": [42, -(2**63)]} else 1)
PYTHON
