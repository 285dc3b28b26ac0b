"""What the commands about contracts print for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lc_ibis.engine.contract_changes import ContractDiff, mend, sentence
from lc_ibis.terminal.escaping import echo


def shown(contracts: list[dict[str, Any]]) -> None:
    """Print contracts by layer: the grain, a line a column, a line a check."""
    layer = ""
    for contract in contracts:
        if contract["layer"] != layer:
            layer = contract["layer"]
            echo(layer, bold=True)
        version = f" (version {contract['version']})" if contract["version"] > 1 else ""
        echo(f"  {contract['table']}{version}: {contract['grain']}")
        _print_rows([(c["name"], c["type"], _marks(c), c["meaning"]) for c in contract["columns"]])
        echo("    checks")
        _print_rows([(f"  {c['severity']}", c["name"], c["meaning"]) for c in contract["checks"]])


def _marks(column: dict[str, Any]) -> str:
    others = [mark for mark in ("key", "stamp") if column[f"is_{mark}"]]
    return ", ".join(["null" if column["is_nullable"] else "not null", *others])


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of texts under each other; the last of a row as it is."""
    widths = [max(map(len, texts)) for texts in zip(*rows, strict=True)]
    for row in rows:
        aligned = [text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)]
        echo(f"    {'  '.join([*aligned, row[-1]])}".rstrip())


def compared(diffs: list[ContractDiff]) -> None:
    """Print what changed, table by table, what is to be done about it, and the verdict."""
    for diff in diffs:
        if diff.status == "unchanged":
            continue
        echo(_heading(diff), bold=True)
        for change in diff.changes:
            mark = "breaks" if change.is_breaking else "fine"
            echo(f"  {mark:<8}{sentence(change)}", fg="red" if change.is_breaking else None)
        if diff.stored and (said := mend(diff)):
            echo(f"  {said}")
    counts = Counter(diff.status for diff in diffs)
    words = {
        "unchanged": "as they were built", "changed": "changed", "declared": "changed and declared",
        "new": "not recorded yet", "breaking": "refused", "lowered": "refused",
    }  # fmt: skip
    totals: Counter[str] = Counter()
    for status, count in counts.items():
        totals[words[status]] += count
    parts = ", ".join(f"{totals[word]} {word}" for word in dict.fromkeys(words.values()) if totals[word])
    contracts = "1 contract" if len(diffs) == 1 else f"{len(diffs)} contracts"
    echo(f"{contracts}: {parts}.", bold=True)


def _heading(diff: ContractDiff) -> str:
    if diff.stored is None:
        return f"{diff.model.name}: not recorded yet; the next build takes its contract as it is."
    versions = f"version {diff.stored.version}"
    if diff.version != diff.stored.version:
        versions = f"version {diff.stored.version} to {diff.version}"
    return f"{diff.model.name} ({diff.model.where}), {versions}:"
