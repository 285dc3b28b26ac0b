"""Names that stand for something: in a query for what only a run knows, in a delta for what a row is about."""

# Around a name: in no text that people write.
START, END = "\ue000", "\ue001"
RUN_AT = "run_at"
# The column of a delta: upsert, delete, or blank for upsert.
OPERATION = "_op"
# Columns of the engine's own, beside those of contracts: how often a result and a stored table have a row.
NEW, OLD = "lc_ibis_new_count", "lc_ibis_old_count"


def mark(name: str) -> str:
    """Return what stands for something until a run has it."""
    return f"{START}{name}{END}"
