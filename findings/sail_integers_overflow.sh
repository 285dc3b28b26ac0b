#!/usr/bin/env bash
# In ANSI mode, products and sums of integers overflow without an error.
#
# pysail 0.7.2, pyspark[connect] 4.0.5; where Java 17 is installed, Spark 4.0.5 beside it.
#
# Expected: with spark.sql.ansi.enabled = true, the default of Spark 4, a number that does not fit is an error:
# ARITHMETIC_OVERFLOW. Sail does raise errors for CAST(300 AS TINYINT), CAST('x' AS INT) and 1 / 0.
#
# Seen: Sail takes the setting and lets sums and products overflow silently. 50000 * 50000 of two INT columns is
# -1794967296, and sum() of BIGINT turns negative.
# Workaround: multiply as DECIMAL or BIGINT: CAST(quantity AS BIGINT) * price.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "pyspark[connect]==4.0.5" "pysail==0.7.2" "pyarrow==26.0.1" "pandas==3.1.1" "grpcio==1.85.3" "grpcio-status==1.85.3"
cat > asked.py <<'PYTHON'
ASKED = (
    "SELECT quantity * price AS total FROM VALUES (50000, 50000) AS v(quantity, price)",
    "SELECT sum(n) AS total FROM VALUES (9223372036854775807L), (1L) AS v(n)",
)


def said(spark, sql):
    try:
        [row] = spark.sql(sql).collect()
        answer = str(row["total"])
    except Exception as error:
        answer = str(error).splitlines()[0]
    print(answer[:70], "   ", sql)
    return answer
PYTHON
timeout 300 venv/bin/python - <<'PYTHON'
import os, sys

sys.path.insert(0, ".")
from asked import ASKED, said
from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
host, port = server.listening_address
spark = SparkSession.builder.remote(f"sc://{host}:{port}").create()
spark.conf.set("spark.sql.ansi.enabled", "true")
print("Sail, ansi:", spark.conf.get("spark.sql.ansi.enabled"))
answers = [said(spark, sql) for sql in ASKED]
cast = said(spark, "SELECT CAST(300 AS TINYINT) AS total")
sys.stdout.flush()
os._exit(0 if answers == ["-1794967296", "-9223372036854775808"] and "300" in cast and "cast" in cast else 1)
PYTHON
if command -v java > /dev/null; then
    timeout 300 venv/bin/python - 2> /dev/null <<'PYTHON'
import sys

sys.path.insert(0, ".")
from asked import ASKED, said
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print("Spark, ansi:", spark.conf.get("spark.sql.ansi.enabled"))
sys.exit(0 if all("ARITHMETIC_OVERFLOW" in said(spark, sql) for sql in ASKED) else 1)
PYTHON
fi
