#!/usr/bin/env bash
# CREATE TABLE ... AS SELECT makes columns NOT NULL. A Parquet table accepts a null and can then no longer be read.
#
# pysail 0.7.2, pyspark[connect] 4.0.5; where Java 17 is installed, Spark 4.0.5 beside it.
#
# Expected: columns of CREATE TABLE ... AS SELECT take nulls, as in Spark, which makes them all nullable.
#
# Seen: Sail keeps what it knows of the query. A column that is a literal, or comes from VALUES without a null, is NOT
# NULL in the table. To a Delta table a later INSERT of a null is an error, DELTA_NOT_NULL_CONSTRAINT_VIOLATED. To a
# Parquet table it is worse: the INSERT succeeds, and from then on every SELECT of the table fails, "declared as
# non-nullable but contains null values".
# Workaround: nullif('csv', '') in place of 'csv', which can be null as far as Sail knows; or a table that is created
# with its columns and types first.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "pyspark[connect]==4.0.5" "pysail==0.7.2" "pyarrow==26.0.1" "pandas==3.1.1" "grpcio==1.85.3" "grpcio-status==1.85.3"
cat > table.sql <<'SQL'
AS SELECT id, name, 'csv' AS source FROM VALUES (1, 'Ann') AS v(id, name)
SQL
timeout 300 venv/bin/python - <<'PYTHON'
import os, sys

from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
host, port = server.listening_address
spark = SparkSession.builder.remote(f"sc://{host}:{port}").create()
query = open("table.sql").read()


def said(sql):
    try:
        answer = str(spark.sql(sql).toArrow().to_pylist())
    except Exception as error:
        answer = str(error).splitlines()[0]
    print(f"{sql.strip()[:70]:70} {answer}")
    return answer


for kind in ("delta", "parquet"):
    said(f"CREATE TABLE of_{kind} USING {kind} {query}")
nullable = [field.nullable for field in spark.table("of_delta").schema]
print("Sail, nullable:", nullable)
bob = "SELECT 2, 'Bob', CAST(NULL AS STRING)"
delta = said(f"INSERT INTO of_delta {bob}")
parquet = said(f"INSERT INTO of_parquet {bob}")
after = said("SELECT * FROM of_parquet")
sys.stdout.flush()
is_so = not any(nullable) and "NOT_NULL_CONSTRAINT" in delta and "count" in parquet and "non-nullable" in after
os._exit(0 if is_so else 1)
PYTHON
if command -v java > /dev/null; then
    timeout 300 venv/bin/python - 2> /dev/null <<'PYTHON'
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sql(f"CREATE TABLE t USING parquet {open('table.sql').read()}")
nullable = [field.nullable for field in spark.table("t").schema]
print("Spark, nullable:", nullable)
spark.sql("INSERT INTO t SELECT 2, 'Bob', CAST(NULL AS STRING)")
sys.exit(0 if all(nullable) and spark.table("t").count() == 2 else 1)
PYTHON
fi
