#!/usr/bin/env bash
# IPython completes no keyword that a function takes by **options: Unpack[TypedDict], with Jedi or without.
#
# ipython 9.18.1, jedi 0.20.1.
#
# Expected: after build(allow_ the keys of the TypedDict are offered, as Pyright and Pylance do.
#
# Seen: only keywords that are parameters of their own are offered. inspect.signature shows one parameter, **options.
# Workaround: a __signature__ that lists the keys as keyword-only parameters; then both completers offer them.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install -q "ipython==9.18.1" "jedi==0.20.1" "typing_extensions==4.15.0"
timeout 120 venv/bin/python - <<'PYTHON'
import inspect
import sys

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.run_cell("""
from typing import TypedDict
from typing_extensions import Unpack

class Options(TypedDict, total=False):
    allow_replay: bool
    threads: int

def build(progress=None, **options: Unpack[Options]):
    "Build."
""")


def offered(typed: str) -> set[str]:
    found = set()
    with provisionalcompleter():
        for jedi in (True, False):
            shell.Completer.use_jedi = jedi
            found |= {one.text for one in shell.Completer.completions(typed, len(typed))}
    return found


own, unpacked = offered("build(prog"), offered("build(allow_r")
build = shell.user_ns["build"]
print("signature:", inspect.signature(build))
keys = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("allow_replay", "threads")]
build.__signature__ = inspect.Signature(keys)
listed = offered("build(allow_r")
print("a parameter:", own, "\nby Unpack:", unpacked, "\nby __signature__:", listed)
sys.exit(0 if "progress=" in own and not unpacked and "allow_replay=" in listed else 1)
PYTHON
