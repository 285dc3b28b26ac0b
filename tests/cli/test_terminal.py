"""What is printed for people cannot command their terminal; what is printed for programs is as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lc_ibis.cli import main
from lc_ibis.cli.printing import escaping
from lc_ibis.cli.printing.escaping import readable
from tests.conftest import SAVINGS, Lending

pytestmark = pytest.mark.usefixtures("of_few_rows")

# Clears the screen, rings, returns to the line's start, starts a command as C1 does, turns the direction of writing.
NASTY = "a\x1b[2J\x07b\rc\x9bd\u202ee\u2066f\x7f\ng\th"
SHOWN = r"a\x1b[2j\x07b\rc\x9bd\u202ee\u2066f\x7f\ng\th"
COMMANDING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"), ("a\rb", r"a\rb"), ("\x07", r"\x07"), ("\x00", r"\x00"), ("\x9b", r"\x9b"),
        ("\u202egnp", r"\u202egnp"), ("\ufeff1", r"\ufeff1"), ("\udcff", r"\udcff"), ("\U000e0001", r"\U000e0001"),
        ("a\nb\tc", r"a\nb\tc"), ("\u2028", r"\u2028"), ("Zoë, 李, İ, 👩\u200d🔬", "Zoë, 李, İ, 👩\u200d🔬"), (r"C:\x1b", r"C:\x1b"),
    ],
)  # fmt: skip
def test_what_commands_a_terminal_is_written_out_and_letters_are_not(text: str, shown: str) -> None:
    assert readable(text) == shown
    assert readable(shown) == shown


def test_lines_of_a_message_stay_lines() -> None:
    assert readable("a\nb\x1b", lines=True) == "a\nb\\x1b"


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Lending:
    """Two runs over extracts with such values and file names. Tests share it: none of them may change it."""
    lending = Lending(tmp_path_factory.mktemp("nasty"))
    lending.load(
        [("1", "Ann", "y"), ("2", "Bob", NASTY)],
        [("A1", "1", "5", "Savings"), (NASTY, "1", NASTY, "Savings")],
        max_refused_share=1,
    )
    customers = lending.inputs / "Customer.csv"
    lending.load(
        [("1", NASTY, "y"), ("2", "Bob", NASTY)], [SAVINGS, (NASTY, "1", NASTY, "Savings")], max_refused_share=1
    )
    directory = lending.inputs / "Customer"
    directory.mkdir()
    customers.rename(directory / f"{NASTY}.csv")
    return lending


def said(place: Lending, *command: str) -> Result:
    options = [f"--database={place.database}"]
    if command[0] in ("build", "explain"):
        options.append(f"--inputs={place.inputs}")
    return CliRunner().invoke(main, [*command, *options])


COMMANDS = [
    ("show", "stg_customer"), ("show", "quarantine_stg_account"), ("quarantine",), ("history", "customer", "1"),
    ("history", "account", NASTY), ("diff", "snap_customer", "--from", "1"), ("explain", "account_summary", "A1"),
    ("runs",), ("tables",), ("show", NASTY), (NASTY,), ("show", "stg_customer", f"--{NASTY}"), ("test",), ("verify",),
    ("build", f"--source=src_customer=*{NASTY}"), ("build", f"--reports=/dev/null/{NASTY}"), ("drop", NASTY),
    ("show", "stg_customer", f"--as-of={NASTY}"),
]  # fmt: skip


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command)[:40].encode("unicode_escape").decode()
)
def test_no_command_prints_what_commands_the_terminal(nasty: Lending, command: tuple[str, ...]) -> None:
    printed = said(nasty, *command).output
    assert printed
    assert not COMMANDING.findall(printed)


@pytest.mark.parametrize(
    "command", [("show", "stg_customer"), ("history", "customer", "1"), ("diff", "snap_customer", "--from", "1")]
)
def test_values_are_shown_whole_with_controls_written_out(nasty: Lending, command: tuple[str, ...]) -> None:
    assert SHOWN in said(nasty, *command).output


def test_an_error_names_such_a_file(lending: Lending) -> None:
    file = lending.inputs / "Customer" / f"{NASTY}.csv"
    file.parent.mkdir()
    file.write_text("nonsense\n")
    assert f"Error: {file.parent}/a\\x1b[2J\\x07b" in said(lending, "build").output


def test_json_and_csv_are_as_received(nasty: Lending) -> None:
    rows: list[dict[str, Any]] = json.loads(said(nasty, "show", "quarantine_stg_customer", "--json").stdout)
    assert [row["has_loan"] for row in rows] == [NASTY]
    assert NASTY in said(nasty, "quarantine", "--csv").stdout
    assert NASTY.lower() in (nasty.outputs / "customer_profile.csv").read_bytes().decode()


def test_all_that_is_printed_for_people_goes_through_one_place() -> None:
    for path in Path(escaping.__file__).parent.glob("*.py"):
        if path.stem not in ("console", "escaping"):
            assert not re.search(
                r"click\.s?echo|rich\.text|rich\.console|\bprint\(", re.sub(r"console\.print\(", "", path.read_text())
            )
