"""Slowly changing dimensions of type 2, with dbt's columns and meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import any_moment
from lc_ibis.declare.history import current
from lc_ibis.declare.models import CheckStrategy, Model, Snapshot, TimestampStrategy

_NEW, _OLD, _WAS = "lc_ibis_new_", "lc_ibis_old_", "lc_ibis_was"


def by_time(table: ir.Table, keys: Sequence[str], **rows: Any) -> ir.WindowedExpr:
    """Return the window of a key's versions in the order of their starts."""
    return ibis.window(group_by=[table[name] for name in keys], order_by=table.dbt_valid_from, **rows)


def merged(table: ir.Table, keys: Sequence[str], goes_on: ir.BooleanValue) -> ir.Table:
    """Make one version of those that go on the one before: the first one's id, times and start, and the last one's end.

    `goes_on` says so of a row; null is no. Adds `is_gone`, whether a row is now within another, and `interval`, which
    numbers a key's versions as they are now.
    """
    marked = table.mutate(is_gone=goes_on.fill_null(False))
    count = (~marked.is_gone).cast("int64").sum().over(by_time(marked, keys, preceding=None, following=0))
    marked = marked.mutate(interval=count)
    within = ibis.window(group_by=[*(marked[name] for name in keys), marked.interval])
    is_open, last = marked.dbt_valid_to.isnull().any().over(within), marked.dbt_valid_to.max().over(within)
    end = ibis.ifelse(is_open, ibis.null(marked.dbt_valid_to.type()), last)
    return marked.mutate(dbt_valid_to=ibis.ifelse(marked.is_gone, marked.dbt_valid_to, end))


@dataclass(frozen=True)
class HistoryChanges:
    """What one run does to a history, as tables with the history's columns."""

    closed: ir.Table  # current versions that end, with their end
    opened: ir.Table  # new versions
    gone: ir.Table  # the versions among `closed` whose key is absent, not replaced


def history_changes(model: Model, history: ir.Table, rows: ir.Table, held: ir.Table | None) -> HistoryChanges:
    """Return what `rows`, the accepted rows of a run, and `held` keys do to the history.

    A version is valid from the run that first accepted it; under the timestamp strategy that is
    its updated_at too, unless the row waited in quarantine, where an earlier start would
    rewrite what past runs published, or is read otherwise than before.
    """
    kind = model.kind
    assert isinstance(kind, Snapshot)
    keys, run_at = model.business_key, any_moment()
    now = current(history)
    updated_at = run_at if isinstance(kind.strategy, CheckStrategy) else rows[kind.strategy.updated_at]
    incoming = rows.mutate(dbt_updated_at=updated_at)
    replaced, news = _differing(kind, keys, now, incoming)
    if isinstance(kind.strategy, TimestampStrategy) and kind.strategy.is_by_value:
        news = _dated(keys, news, history, run_at)
    gone = now.anti_join(rows, keys)
    if held is not None:
        gone = gone.anti_join(held, keys)
    closed = replaced.union(gone).mutate(dbt_valid_to=run_at)
    return HistoryChanges(closed, _versions(model, keys, news, run_at), gone)


def _differing(kind: Snapshot, keys: tuple[str, ...], now: ir.Table, incoming: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return the current versions that are outdated, and the incoming rows that no current one equals."""
    theirs = incoming.rename(lambda name: f"{_NEW}{name}")
    pairs = now.inner_join(theirs, [now[k] == theirs[f"{_NEW}{k}"] for k in keys])
    compared = [c for c in incoming.columns if c not in (*keys, "dbt_updated_at", *kind.strategy.ignore)]
    same = ibis.and_(*(pairs[c].identical_to(pairs[f"{_NEW}{c}"]) for c in compared))
    if isinstance(kind.strategy, TimestampStrategy) and not kind.strategy.is_by_value:
        same = same | (pairs.dbt_updated_at >= pairs[f"{_NEW}dbt_updated_at"])
    outdated, kept = pairs.filter(~same), pairs.filter(same)
    return outdated.select(*now.columns), incoming.anti_join(kept.select(*keys), keys)


def _dated(keys: tuple[str, ...], news: ir.Table, history: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
    """Date by this run what is no later than a version before it, current or closed: its text is read otherwise now."""
    mine = history.semi_join(news.select(*keys), keys)
    before = mine.group_by(**{f"{_OLD}{k}": mine[k] for k in keys}).aggregate(**{_WAS: mine.dbt_updated_at.max()})
    rows = news.left_join(before, [news[k] == before[f"{_OLD}{k}"] for k in keys])
    time = ibis.ifelse(rows[_WAS] >= rows.dbt_updated_at, run_at, rows.dbt_updated_at)
    return rows.mutate(dbt_updated_at=time).select(*news.columns)


def _versions(model: Model, keys: tuple[str, ...], rows: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
    no_end = ibis.null().cast(run_at.type())
    versions = rows.mutate(
        dbt_scd_id=scd_id([rows[k] for k in keys], rows.dbt_updated_at), dbt_valid_from=run_at, dbt_valid_to=no_end
    )
    return versions.select(*model.contract.schema().names)


def scd_id(keys: list[ir.Column], updated_at: ir.TimestampColumn) -> ir.StringColumn:
    """dbt's snapshot id (macro default__snapshot_hash_arguments): md5 of the texts joined by |."""
    texts = [k.cast("string").fill_null("") for k in keys]
    joined = texts[0]
    for text in [*texts[1:], updated_at.strftime("%Y-%m-%d %H:%M:%S.%f").fill_null("")]:
        joined = joined + "|" + text
    return joined.hexdigest("md5")
