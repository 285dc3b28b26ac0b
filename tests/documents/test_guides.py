"""The guides to migration and upkeep are true: their commands print what stands below them."""

from __future__ import annotations

import subprocess
import sys

from tests import ROOT


def test_the_guides_hold_what_their_commands_print() -> None:
    command = [sys.executable, str(ROOT / "docs" / "run_guide.py"), "--check"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
