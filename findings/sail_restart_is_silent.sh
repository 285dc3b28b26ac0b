#!/usr/bin/env bash
# After a restart of the server an old session goes on working, silently without its views and settings. On Spark's server
# too, getOrCreate() returns a session that the server has ended.
#
# pyspark[connect] 4.0.5 with pysail 0.7.2, and, where Java 17 is installed, with the Connect server of pyspark 4.0.5.
#
# Expected: a client whose server was restarted is told that its session is gone, with an error condition; and
# SparkSession.builder.getOrCreate() does not return a session that the server has ended.
#
# Seen, after a restart on the same port: Spark's own server says it, NO_ACTIVE_SESSION, and getOrCreate() makes a new
# session. Sail creates a new session under the client's id and says nothing. SELECT 1 + 1 works on; temporary views,
# tables of its catalog and settings are gone. The time zone is UTC again, so the next TIMESTAMP means another moment.
# (Now and then the very first statement fails, "operation not found", again without a condition; the next one works.)
# Seen, after the server ended the session (here by ReleaseSession; Sail does so too with one that was idle for 15
# minutes): Spark names a condition, INVALID_HANDLE.SESSION_CLOSED. Sail raises IllegalArgumentException, "session ...
# is not running", without one. In both, getOrCreate() returns the dead session.
# Workaround: set a setting of your own, and look at it before each piece of work.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export SPARK_LOCAL_IP=127.0.0.1 RUST_LOG=error
python3 -m venv venv
venv/bin/pip install -q "pyspark[connect]==4.0.5" "pysail==0.7.2" "pyarrow==26.0.1" "pandas==3.1.1" "grpcio==1.85.3" "grpcio-status==1.85.3"
cat > ending.py <<'PYTHON'
import os, socket, subprocess, sys, time

import pyspark
from pyspark.sql.connect.session import SparkSession

ZONE = "spark.sql.session.timeZone"
kind, port = sys.argv[1], 0


def sail():
    global port
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", port)
    server.start(background=True)
    port = server.listening_address[1]
    return server.stop


def spark():
    global port
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    submit = os.path.join(os.path.dirname(pyspark.__file__), "bin", "spark-submit")
    settings = {"spark.connect.grpc.binding.port": port, "spark.connect.grpc.binding.address": "127.0.0.1",
                "spark.ui.enabled": "false"}
    words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    process = subprocess.Popen(
        [submit, "--master", "local[1]", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *words,
         "spark-internal"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.5)

    def stop():
        process.terminate()
        process.wait()

    return stop


def said(session, sql="SELECT 1 + 1 AS two"):
    try:
        return str(session.sql(sql).toArrow().to_pylist())
    except Exception as error:
        return f"{type(error).__name__}, condition {error.getCondition()!r}: {str(error).splitlines()[0][:110]}"


def session():
    return SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()


start = {"sail": sail, "spark": spark}[kind]
stop = start()
old = session()
old.conf.set(ZONE, "Asia/Tokyo")
old.sql("SELECT 1 AS a").createOrReplaceTempView("v")
old.sql("SELECT * FROM v").toArrow()
stop()
stop = start()
restarted = said(old)
print(kind, "restarted:", restarted)
if "operation not found" in restarted:
    restarted = said(old)
    print(kind, "asked again:", restarted)
if kind == "sail":
    view, zone = said(old, "SELECT * FROM v"), old.conf.get(ZONE, None)
    print(kind, "the view:", view)
    print(kind, "the time zone:", zone)
    is_so = "'two': 2" in restarted and "not found" in view and zone != "Asia/Tokyo"
else:
    is_so = "NO_ACTIVE_SESSION" in restarted and session() is not old
    old.stop()  # or else no new one becomes the active one: connect_create_is_not_active.sh
    old = session()
    said(old)
old.client.release_session()
ended = said(old)
print(kind, "ended:", ended)
is_dead_again = session() is old
print(kind, "getOrCreate() returns it:", is_dead_again)
is_so = is_so and is_dead_again
is_so = is_so and ("INVALID_HANDLE.SESSION_CLOSED" in ended if kind == "spark" else "is not running" in ended)
stop()
sys.stdout.flush()
os._exit(0 if is_so else 1)
PYTHON
timeout 300 venv/bin/python ending.py sail
if command -v java > /dev/null; then timeout 300 venv/bin/python ending.py spark; fi
