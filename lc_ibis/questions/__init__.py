"""What people ask: what became of a key, what changed between two moments, why a row is as it is."""

from lc_ibis.questions.diffing import diff
from lc_ibis.questions.explaining import explain
from lc_ibis.questions.life import history

__all__ = ["diff", "explain", "history"]
