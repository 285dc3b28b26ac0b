"""The targets: ratios that hold on any machine, each of figures that one session took side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from builders import DAY2, DELTA, FIRST, LEAN, NOW, REFRESH, STORED, THEN, UNCHANGED, Step
from figures import Figures, late_seconds, ratio

Size = int | None
# A figure of a size by one build of lc-ibis.
Figure = Callable[[Figures, Size, str], float | None]


def to(step: Step, other: str) -> Figure:
    """How much of the like step of another: then, or a floor."""

    def found(figures: Figures, size: Size, who: str) -> float | None:
        return ratio(figures.median(size, step.name, who), figures.median(size, step.name, other))

    return found


def cheaper(step: Step) -> Figure:
    """How many times cheaper than the own full refresh of the same day."""

    def found(figures: Figures, size: Size, who: str) -> float | None:
        return ratio(figures.median(size, REFRESH.name, who), figures.median(size, step.name, who))

    return found


def late_cheaper(figures: Figures, size: Size, who: str) -> float | None:
    full = figures.median(size, REFRESH.name, who, late_seconds)
    return ratio(full, figures.median(size, DAY2.name, who, late_seconds))


def peak(step: Step) -> Figure:
    return lambda figures, size, who: figures.most(size, step.name, who)


def ibis_imported(figures: Figures, size: Size, who: str) -> float | None:
    counts = figures.counts(size, UNCHANGED.name, who)
    return None if counts is None else float(counts["imported"]["ibis"])


def counted(step: Step, what: str) -> Figure:
    """What the counts say of a step; None where it cannot be counted."""
    return lambda figures, size, who: (figures.counts(size, step.name, who) or {}).get(what)


@dataclass(frozen=True)
class Target:
    """A row of the table: what is compared, how it reads, and by size how much it may be, or None."""

    work: str
    figure: Figure
    reads: str
    bounds: dict[Size, float | None] = field(default_factory=dict)
    at_least: bool = False
    # Shown for no sizes but those of the bounds.
    only: bool = False

    def shown(self, figures: Figures, size: Size) -> list[str] | None:
        """Return the row's cells for a size; None where nothing was measured."""
        now = self.figure(figures, size, NOW)
        if now is None or (self.only and size not in self.bounds):
            return None
        then = self.figure(figures, size, THEN) if figures.has_then else None
        size_name = "sample" if size is None else f"{size:,} accounts"
        cells = [f"{size_name}: {self.work}", "" if then is None else self._said(then), self._said(now)]
        bound = self.bounds.get(size)
        if bound is None:
            return [*cells, "", ""]
        is_met = now >= bound if self.at_least else now <= bound
        return [*cells, f"{'≥' if self.at_least else '≤'} {self._said(bound)}", "yes" if is_met else "no"]

    def _said(self, value: float) -> str:
        return self.reads.format(value)


OF_THEN, OF_FLOOR, CHEAPER, MB = "{:.2f} of then's", "{:.2f} × floor", "{:.1f} × cheaper", "{:.0f} MB"
TEN_THOUSAND, MILLION, TEN_MILLION = 10_000, 1_000_000, 10_000_000

TARGETS = (
    Target("day 2", to(DAY2, THEN), OF_THEN, {None: 0.22}, only=True),
    Target("nothing changed", to(UNCHANGED, THEN), OF_THEN, {None: 0.22}, only=True),
    Target("nothing changed, imports of Ibis", ibis_imported, "{:.0f}", {None: 0}, only=True),
    *(
        Target(f"day 2, {what.replace('_', ' ')}", counted(DAY2, what), "{:,}", {None: None}, only=True)
        for what in ("statements", "compilations", "Python_calls", "instructions")
    ),
    Target("first build, to the lean floor", to(FIRST, LEAN), OF_FLOOR, {MILLION: 1.6}),
    Target("first build, to the floor with stored layers", to(FIRST, STORED), OF_FLOOR),
    Target("nothing changed, to the lean floor", to(UNCHANGED, LEAN), OF_FLOOR),
    Target("day 2, full extract, to the lean floor", to(DAY2, LEAN), OF_FLOOR, {MILLION: 1.6}),
    Target("day 2, full extract, to the floor with stored layers", to(DAY2, STORED), OF_FLOOR),
    Target(
        "day 2, full extract, to own full refresh", cheaper(DAY2), CHEAPER,
        {TEN_THOUSAND: 2, TEN_MILLION: 8}, at_least=True,
    ),
    Target("day 2, delta, to own full refresh", cheaper(DELTA), CHEAPER, {MILLION: 8}, at_least=True),
    Target("intermediate and marts alone, by key to full", late_cheaper, CHEAPER, {TEN_MILLION: 30}, at_least=True),
    Target("memory, full refresh", peak(REFRESH), MB, {TEN_MILLION: 1000}, only=True),
    Target("memory, day 2", peak(DAY2), MB, {TEN_MILLION: 1000}, only=True),
)  # fmt: skip


def rows(figures: Figures) -> Iterator[list[str]]:
    """Yield the rows of the table: work, then, now, target, met?"""
    for size in figures.sizes:
        for target in TARGETS:
            if (cells := target.shown(figures, size)) is not None:
                yield cells
