#!/usr/bin/env bash
# get_profiling_information() rejects three of the six formats that its error message lists, and accepts four that it does
# not list.
#
# duckdb 2.0.1 (Python): the formats of get_profiling_information().
#
# Expected: the formats that the error of a wrong one lists are taken, as by duckdb 1.5.6.
#
# Seen: query_tree, query_tree_optimizer and no_output are rejected with "Valid options are: query_tree, json,
# query_tree_optimizer, no_output, html, graphviz." What 1.5.6 draws for query_tree is called text or default now, which
# no message names; yaml and mermaid are taken too.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
cat > formats.py <<'PYTHON'
import duckdb

con = duckdb.connect()
con.execute("SET enable_profiling = 'no_output'")
con.execute("SELECT sum(range) FROM range(1000)").fetchall()
listed, taken = [], []
for name in ("query_tree", "query_tree_optimizer", "no_output", "json", "html", "graphviz", "text", "default", "yaml",
             "mermaid"):
    try:
        con.get_profiling_information(format=name)
        taken.append(name)
    except duckdb.InvalidInputException as error:
        listed = str(error).rsplit(": ", 1)[1].rstrip(".").split(", ")
print(duckdb.__version__, "takes", *taken)
print("refused, though listed:", *(name for name in listed if name not in taken))
PYTHON
for version in 1.5.6 2.0.1; do
  venv/bin/pip install -q "duckdb==$version"
  venv/bin/python formats.py | tee "$version"
done
grep -qx "1.5.6 takes query_tree query_tree_optimizer no_output json html graphviz" 1.5.6
grep -qx "2.0.1 takes json html graphviz text default yaml mermaid" 2.0.1
grep -qx "refused, though listed: query_tree query_tree_optimizer no_output" 2.0.1
