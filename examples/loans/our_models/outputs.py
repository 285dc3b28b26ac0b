"""The tables of ours that leave as files."""

from lc_ibis.engine.pipeline import Output

outputs = (Output("customer_exposure"),)
