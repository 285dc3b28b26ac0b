#!/usr/bin/env bash
# Without the packages of the extra, importing pyspark.sql.connect ends python -c with exit code 0.
#
# pyspark 4.3.0, as pip installs it without its extra "connect".
#
# Expected: an import of pyspark.sql.connect that lacks a package raises PySparkImportError, and python exits with an error.
#
# Seen: under python -c, and in a worker of pytest-xdist, the import calls sys.exit(0): the process mistakes itself for
# Spark's doctests, because its main module has no file. What follows the import never runs, and the exit code
# says that all is well.
# Workaround: import grpc, grpc_status and zstandard first, which raise ModuleNotFoundError.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "pyspark==4.3.0" "pandas<3" "pyarrow==26.0.1"
code=0
said=$(timeout 300 venv/bin/python -c "from pyspark.sql.connect.session import SparkSession; print('imported')" 2>&1) || code=$?
echo "python -c: exit code $code: $said"
echo "from pyspark.sql.connect.session import SparkSession; print('imported')" > file.py
code_of_file=0
timeout 300 venv/bin/python file.py > said.txt 2>&1 || code_of_file=$?
echo "a file:    exit code $code_of_file: $(tail -n 1 said.txt | cut -c 1-110)"
[[ $code == 0 && $said != *imported* && $code_of_file != 0 ]]
