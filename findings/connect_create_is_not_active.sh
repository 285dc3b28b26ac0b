#!/usr/bin/env bash
# After client.close(), create() makes a session that is not the active one, and every getOrCreate() makes one more.
#
# pyspark[connect] 4.0.5, with pysail 0.7.2 as the server.
#
# Expected: after the active session's client was closed, SparkSession.builder.remote(...).create() makes a session
# that is the active one, and getOrCreate() then returns it.
#
# Seen: create() sets the active and the default session only where none is set, and the closed one is still set. So
# getActiveSession() is None after it, and every getOrCreate() makes one more session: a view that was named in the
# first is not found in the next. session.stop() forgets the closed session; session.client.close() does not.
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
builder = SparkSession.builder.remote(f"sc://{host}:{port}")
builder.getOrCreate().client.close()
new = builder.create()
print("the new session answers:", new.sql("SELECT 1 AS one").collect())
active = SparkSession.getActiveSession()
print("the active session:", active)
first, second = builder.getOrCreate(), builder.getOrCreate()
print("getOrCreate() twice gives one session:", first is second)
first.sql("SELECT 1 AS one").createOrReplaceTempView("v")
try:
    builder.getOrCreate().sql("SELECT * FROM v").collect()
    found = True
except Exception as error:
    found = False
    print(type(error).__name__, str(error).splitlines()[0])
sys.stdout.flush()
os._exit(0 if active is None and first is not second and not found else 1)
PYTHON
