"""The words of those who write models: contracts, columns, kinds of table, checks, histories.

from lc_ibis.declare import Contract, Incremental, column, key, model, unique
"""

import lazy_loader as _lazy

# The names stand in __init__.pyi.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
