#!/usr/bin/env bash
# When an old Connect session is garbage-collected, another session's query can fail with "cannot schedule new futures
# after shutdown".
#
# pyspark[connect] 4.0.5, with pysail 0.7.2 as the server, Python 3.11.
#
# Expected: a Connect session that nobody refers to any more can be collected; other sessions do not notice.
#
# Seen: SparkSession.__del__ calls client.close(), which shuts down one thread pool that all sessions of the process
# share (ExecutePlanResponseReattachableIterator._release_thread_pool_instance). When the garbage collector takes an
# old session, one in a reference cycle, just as another session hands work to that pool, this other session's query
# fails, although its rows have already come:
#     RuntimeError: cannot schedule new futures after shutdown
# In a long program this is rare and looks random. The loop below only moves the moment of the collection through one
# query, a step at a time, with gc.set_threshold; nothing of PySpark is replaced. It took 24 to 41 rounds.
# Workaround: keep a reference to every session for as long as the process lives.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "pyspark[connect]==4.0.5" "pysail==0.7.2" "pyarrow==26.0.1" "pandas==3.1.1" "grpcio==1.85.3" "grpcio-status==1.85.3"
timeout 300 venv/bin/python - <<'PYTHON'
import gc, os, sys

from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
host, port = server.listening_address
address = f"sc://{host}:{port}"
alive = SparkSession.builder.remote(address).create()
alive.sql("SELECT 1").collect()

gc.disable()
code = 1
for count in range(1, 1001):
    old = SparkSession.builder.remote(address).create()
    cycle = [old]
    cycle.append(cycle)
    gc.collect(0)  # the old session is in generation 1 now
    gc.set_threshold(count, 0, 1_000_000)  # which is collected after so many more objects
    del old, cycle
    gc.enable()
    try:
        alive.sql("SELECT 1").collect()
    except RuntimeError as error:
        print(f"round {count}: {type(error).__name__}: {error}")
        code = 0
        break
    finally:
        gc.disable()
else:
    print("1000 queries went well: no longer so")
sys.stdout.flush()
os._exit(code)
PYTHON
