"""python -m lc_ibis is the command line."""

from lc_ibis.cli import main

main(prog_name="lc-ibis")
