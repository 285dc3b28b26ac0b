#!/usr/bin/env bash
# After os.chdir a managed table has no rows, without an error.
#
# pysail 0.7.2 (in this process), pyspark[connect] 4.0.5.
#
# Expected: a managed table stays where it was made, as in Spark, whose warehouse directory is made absolute once.
#
# Seen: the location of a managed table is the relative path spark-warehouse/TABLE-UUID, and each write and read resolves
# it again, against the directory that the server's process is in at that moment. After os.chdir (a
# notebook, a test's fixture) a table that was made before has no rows, without an error: SELECT gives []. INSERT
# goes to the new directory, so that one table is spread over two. Back in the first directory the first row is there
# again, and the second is gone.
# Likewise CREATE TABLE t (id INT) USING delta, without AS SELECT, is an error: "table location must be an absolute
# path or URL".
# Workaround: give each table a LOCATION, or never change the directory.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "pyspark[connect]==4.0.5" "pysail==0.7.2" "pyarrow==26.0.1" "pandas==3.1.1" "grpcio==1.85.3" "grpcio-status==1.85.3"
timeout 300 venv/bin/python - <<'PYTHON'
import os, sys

from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
host, port = server.listening_address
spark = SparkSession.builder.remote(f"sc://{host}:{port}").create()


def rows():
    found = sorted(row["id"] for row in spark.sql("SELECT id FROM t").toArrow().to_pylist())
    print(os.path.basename(os.getcwd()), found, os.listdir("spark-warehouse") if os.path.exists("spark-warehouse") else [])
    return found


for name in ("one", "two"):
    os.mkdir(name)
os.chdir("one")
spark.sql("CREATE TABLE t USING parquet AS SELECT 1 AS id").toArrow()
seen = [rows()]
os.chdir("../two")
seen.append(rows())
spark.sql("INSERT INTO t SELECT 2 AS id").toArrow()
seen.append(rows())
os.chdir("../one")
seen.append(rows())
try:
    spark.sql("CREATE TABLE d (id INT) USING delta").toArrow()
    refused = ""
except Exception as error:
    refused = str(error).splitlines()[0]
print(refused)
sys.stdout.flush()
os._exit(0 if seen == [[1], [], [2], [1]] and "must be an absolute path" in refused else 1)
PYTHON
