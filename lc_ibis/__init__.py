"""A lending company's table pipeline: source, staging, snapshots, intermediate, marts.

import lc_ibis
lc_ibis.build()
p = lc_ibis.connect("data/duckdb/lc.duckdb")
p.table("account_summary")
"""

import lazy_loader as _lazy

# Imported when first used: the command line must answer --help before Ibis is loaded. The names stand in __init__.pyi.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
