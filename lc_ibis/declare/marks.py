"""Names that stand for something: in a query for what only a run knows, in a delta for what a row is about."""

# Around a name: in no text that people write.
START, END = "\ue000", "\ue001"
RUN_AT = "run_at"
# The column of a delta: upsert, delete, or blank for upsert.
OPERATION = "_op"


def mark(name: str) -> str:
    """Return what stands for something until a run has it."""
    return f"{START}{name}{END}"
