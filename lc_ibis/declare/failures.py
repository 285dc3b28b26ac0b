"""Python functions of models that fail while an engine runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lc_ibis.errors import ModelError

_FAILED = re.compile(r"(the function \w+ \([^()\n]*\) fails: [^\n]*)")


def failed(error: BaseException) -> str | None:
    """Return which function failed, and how, if that is why an engine raised an error."""
    found = _FAILED.search(str(error))
    return f"{found[1]}. Fix it, or return None." if found else None


@contextmanager
def explained(model: str, where: str) -> Iterator[None]:
    """Raise ModelError where a function of a model fails meanwhile, of whatever kind an engine's error is."""
    try:
        yield
    except Exception as error:
        if how := failed(error):
            raise ModelError(f"{model} ({where}): {how}") from None
        raise
