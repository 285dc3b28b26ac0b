"""The tables of ours that leave as files."""

from lc_ibis.declare import Output

outputs = (Output("customer_exposure"),)
