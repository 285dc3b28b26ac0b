"""Write tables.md, naming.md, cli.md, api.md and sql/ from the code; with --check, only say whether they are true."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from typing import Any

import click

import lc_ibis
from lc_ibis import contracts, migrations, site
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.cli import main
from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.declare.check_kinds import contract_checks
from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Contract
from lc_ibis.declare.models import Model
from lc_ibis.declare.naming import PREFIXES, RULES
from lc_ibis.engine.prove import failing_rows
from lc_ibis.engine.prove.failing_rows import FailingRow
from lc_ibis.keywords import Options
from lc_ibis.layers import pipeline
from lc_ibis.layers.columns import ABBREVIATIONS
from lc_ibis.settings import Settings

HERE = Path(__file__).parent


def tables() -> str:
    """Return the data dictionary."""
    parts = ["# Tables\n\nGenerated from the contracts by `python docs/generate.py`."]
    for layer in pipeline.layers:
        parts.append(f"## {layer}")
        parts += [_table(model) for model in pipeline if model.layer == layer]
    parts += [
        f"## {failing_rows.LAYER}",
        f"### {failing_rows.TABLE}",
        str(inspect.getdoc(FailingRow)),
        _columns(FailingRow),
    ]
    parts.append("Kept by `lc-ibis build --store-failures`.")
    return "\n\n".join(parts) + "\n"


def _table(model: Model) -> str:
    made_from = ", ".join(f"`{name}`" for name in model.inputs) or "the extract"
    kept = "" if model.is_stored else " Computed when asked for, not stored."
    lines = [f"### {model.name}", f"{model.description}{kept}", f"Made from {made_from}."]
    if model.contract.columns:
        lines.append(_columns(model.contract))
    implied = {check.name for check in contract_checks(model.contract)}
    declared = [check for check in model.checks if check.name not in implied]
    if declared:
        lines.append("Checks:\n\n" + "\n".join(_check(c) for c in declared))
    return "\n\n".join(lines)


def _columns(contract: type[Contract]) -> str:
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for c in contract.columns:
        marks = ", key" * c.is_key + ", may be null" * c.is_nullable
        rows.append(f"| {c.name} | {str(c.type).replace('|', '')}{marks} | {c.description} |")
    return "\n".join(rows)


def _check(check: Check) -> str:
    thresholds = f"; {check.thresholds}" if check.thresholds else ""
    return f"- `{check.name}` ({check.severity}{thresholds}): {check.meaning}"


def cli() -> str:
    """Return the reference of the command line: each command's help."""
    parts = ["# Command line\n\nGenerated from the commands by `python docs/generate.py`.", _help(main, "lc-ibis")]
    parts += [f"## {name}\n\n{_help(command, name)}" for name, command in _commands(main, "lc-ibis")]
    return "\n\n".join(parts) + "\n"


def _commands(group: click.Group, start: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{start} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{start} {name}")


def _help(command: click.Command, name: str) -> str:
    context = main.context_class(
        command, info_name=name, max_content_width=100, terminal_width=100, **main.context_settings
    )
    return f"```\n{command.get_help(context)}\n```"


def sql(dialect: str) -> str:
    """Return each model's whole SQL."""
    compiled = lc_ibis.compile(dialect)
    head = (
        f"-- Each table's whole SQL in the dialect {dialect}. Generated from the models by python docs/generate.py.\n"
    )
    return head + "".join(f"\n-- {name}\n{text};\n" for name, text in compiled.items())


def naming() -> str:
    """Return the naming conventions, as lint holds them."""
    layers = [
        f"| {layer} | {' or '.join(f'`{p}`' for p in prefixes) or 'no prefix'} |"
        for layer, prefixes in PREFIXES.items()
    ]
    columns = [f"| {rule.kind} | {' or '.join(f'`{s}`' for s in rule.suffixes)} |" for rule in RULES]
    words = [f"| {short} | {word} |" for short, word in ABBREVIATIONS.items()]
    return "\n".join([
        "# Names", "",
        "Generated from the rules by `python docs/generate.py`. `lc-ibis lint` names what breaks them.",
        "", "| layer | its stored tables begin with |", "|---|---|", *layers,
        "", "| a column that is | ends with |", "|---|---|", *columns, "",
        "A text may end with `_id`, as any key, and with none of the other suffixes. Names are written in snake_case.",
        "Columns of histories that begin with `dbt_` keep dbt's names. Words are written out:", "",
        "| not | but |", "|---|---|", *words, "",
    ])  # fmt: skip


def api() -> str:
    """Return the reference of the functions and of the settings that they take."""
    parts = ["# Python\n\nGenerated from the code by `python docs/generate.py`.", _OPTIONS, _settings()]
    commands = [found for found in (getattr(lc_ibis, name) for name in lc_ibis.__all__) if not inspect.ismodule(found)]
    parts += ["## lc_ibis", *(_function("lc_ibis", command) for command in commands)]
    for module in (contracts, migrations, site):
        parts.append(f"## {module.__name__}\n\n{inspect.getdoc(module)}")
        parts += [_function(module.__name__, getattr(module, name)) for name in module.__all__]
    parts.append(f"## Warehouse\n\n{inspect.getdoc(Warehouse)}\n\nWhat `lc_ibis.connect` returns.")
    methods = [each for name, each in vars(Warehouse).items() if not name.startswith("_") and inspect.isfunction(each)]
    parts += [_function("warehouse", each) for each in methods]
    return "\n\n".join(parts) + "\n"


_OPTIONS = (
    "`options` are the fields of Settings; what is not given is read from the environment and lc-ibis.toml.\n\n"
    "Facts, such as a run or a difference, are dataclasses; `dataclasses.asdict` gives what `--json` prints. Rows are "
    "Ibis tables\nwhere the database stays open (`p.table`), dictionaries where a function closes it (`lc_ibis.show`)."
)


def _function(home: str, function: Any) -> str:
    if not inspect.isfunction(function):
        return f"### {home}.{function.__name__}\n\n{inspect.getdoc(function)}"
    options = "**options: Unpack[Options]"
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    if hasattr(function, "__signature__"):  # which shows the options one by one
        parameters = [
            *(p for p in parameters if p.kind is not p.KEYWORD_ONLY or p.name not in Options.__annotations__),
            options,
        ]
    given = re.sub(r": '([^']*)'", r": \1", ", ".join(str(p) for p in parameters))
    given = re.sub(r"<[\w-]+ function (\w+)>|<function <lambda> at \w+>", lambda found: found[1] or "…", given)
    call = f"{function.__name__}({given}) -> {inspect.signature(function).return_annotation}"
    return f"### {home}.{function.__name__}\n\n```python\n{call}\n```\n\n{inspect.getdoc(function)}"


def _settings() -> str:
    rows = ["## Settings", "", "| setting | type | default |", "|---|---|---|"]
    for each in fields(Settings):
        default = each.default if each.default is not MISSING else "none"
        rows.append(
            f"| {each.name} | {str(each.type).replace('|', 'or')} | {'' if default in (None, ()) else default} |"
        )
    return "\n".join([*rows, "", "What each means: [the options of the commands](cli.md)."])


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names)


PAGES = {"tables.md": tables, "naming.md": naming, "cli.md": cli, "api.md": api}
PAGES |= {f"sql/{dialect}.sql": partial(sql, dialect) for dialect in DIALECTS}


def outdated() -> list[str]:
    """Return the names of the pages that differ from the code."""
    paths = {name: HERE / name for name in PAGES}
    return [n for n, path in paths.items() if not path.exists() or path.read_text(encoding="utf-8") != PAGES[n]()]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"Out of date: {', '.join(outdated())}. Run python docs/generate.py." if outdated() else 0)
    for name, page in PAGES.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(page(), encoding="utf-8")
