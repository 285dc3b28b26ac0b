"""A lending company's table pipeline: source, staging, snapshots, intermediate, marts.

import lc_ibis
lc_ibis.build()
p = lc_ibis.connect("data/duckdb/lc.duckdb")
p.table("account_summary")
"""

from typing import Any

import lazy_loader as _lazy

from lc_ibis import _started as _started  # before all others, for it notes when that was

# Imported when first used: the command line must answer --help before Ibis is loaded. The names stand in __init__.pyi.
_found, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    found = _found(name)
    if name.startswith("_") or not callable(found):
        return found
    from lc_ibis.keywords import completed

    return completed(found)
