"""The selection language of --select and --exclude, as dbt users type it.

- `account_summary` is the table, `+account_summary` also all that it is made from
- `stg_account+` also all that is made from it; `2+account_summary` at most two steps
- `staging` is a layer's tables, `stg_*` a pattern; `layer:`, `tag:` and `name:` before either say which is meant
- `staging marts` is either, `staging,stg_a*` both
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from lc_ibis.declare.graph import Graph
from lc_ibis.errors import SelectionError, hint

_TERM = re.compile(r"(?:(\d*)(\+))?([^+\s]+?)(?:(\+)(\d*))?\Z")
_METHODS = ("tag", "layer", "name")


def select(pipeline: Graph, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> list[str]:
    """Return the names of the selected models, in the order of a build.

    Raises SelectionError for a term that is malformed or matches nothing.
    """
    wanted = " ".join(include).split()
    chosen = _union(pipeline, "--select", wanted) if wanted else set(pipeline.models)
    chosen -= _union(pipeline, "--exclude", " ".join(exclude).split())
    if not chosen:
        left = f" --exclude {' '.join(exclude)}" if exclude else ""
        raise SelectionError(f"--select {' '.join(wanted) or '*'}{left}: nothing is selected.")
    return [name for name in pipeline.models if name in chosen]


def _union(pipeline: Graph, option: str, groups: list[str]) -> set[str]:
    found: set[str] = set()
    for group in groups:
        try:
            found |= set.intersection(*(_term(pipeline, term) for term in group.split(",")))
        except SelectionError as error:
            raise SelectionError(f"{option} {group}: {error}") from None
    return found


def _term(pipeline: Graph, term: str) -> set[str]:
    match = _TERM.match(term)
    if not match:
        raise SelectionError("use a table or a layer, with + before or after it.")
    up_steps, up, word, down, down_steps = match.groups()
    found = _named(pipeline, word)
    selected = set(found)
    if up:
        selected |= _reach(found, lambda name: pipeline[name].inputs, up_steps)
    if down:
        selected |= _reach(found, lambda name: pipeline.children[name], down_steps)
    return selected


def _named(pipeline: Graph, word: str) -> set[str]:
    method, colon, rest = word.partition(":")
    if colon and method not in _METHODS:
        raise SelectionError(f"{method}: is not a selection method.{hint(method, _METHODS)}")
    pattern = rest if colon else word
    by_name, by_layer = not colon or method == "name", method != "name"
    found = {
        m.name for m in pipeline if (by_name and fnmatchcase(m.name, pattern)) or (by_layer and m.layer == pattern)
    }
    if not found:
        known = [*(pipeline.models if by_name else ()), *(pipeline.layers if by_layer else ())]
        raise SelectionError(f"no table or layer has this name.{hint(pattern, known)}")
    return found


def _reach(start: set[str], step: Callable[[str], Iterable[str]], most: str) -> set[str]:
    reached, edge, left = set(start), start, int(most) if most else -1
    while edge and left:
        edge = {name for current in edge for name in step(current)} - reached
        reached |= edge
        left -= 1
    return reached
