"""What the commands with which one begins print for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lc_ibis.api.doctor import Finding
from lc_ibis.cli.printing.console import Line, new_console
from lc_ibis.cli.printing.escaping import echo

_WORDS = {"pass": ("ok", "green"), "warn": ("WARN", "yellow"), "fail": ("FAIL", "red")}


def made(place: Path) -> None:
    """Print what to do next in a new project."""
    echo(f"Created {place}, with lc-ibis.toml and two days of extracts in data. Next:")
    echo(f"  cd {place}")
    echo("  lc-ibis build")
    echo("  lc-ibis ls")
    echo("  lc-ibis build --inputs data/inputs_day2")
    echo("  lc-ibis report --open")
    echo("To build your own extracts, set inputs in lc-ibis.toml, or use --inputs.")


def examined(found: Sequence[Finding]) -> None:
    """Print a line a finding, how to mend what is not fine, and the verdict."""
    console = new_console()
    for one in found:
        word, style = _WORDS[one.status]
        line = Line(f"{word:<5}", style=style)
        line.append(f"{one.topic:<19}", style="default").append(one.found, style="default")
        console.print(line)
        if one.mend:
            console.print(f"     {'':<19}{one.mend}")
    bad = sum(one.status == "fail" for one in found)
    console.print(f"{bad} of {len(found)} checks failed." if bad else "All checks passed.", style="bold")
