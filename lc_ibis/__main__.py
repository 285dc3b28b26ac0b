"""python -m lc_ibis is the command line."""

from lc_ibis.cli import run

run()
