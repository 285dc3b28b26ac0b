"""The tables of this package that are written to files."""

from lc_ibis.declare import Output

outputs = (Output("customer_exposure"),)
