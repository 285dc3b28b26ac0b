"""The tables that leave the house as files, ordered by their keys."""

from lc_ibis.declare import Output

outputs = (Output("account_summary"), Output("customer_profile"))
