"""Run the command line in a process that counts: Python calls, Ibis' compilations, and which libraries came in.

    python counted_build.py COUNTS.json build --inputs ...

It runs under the interpreter of the build that it counts, so it uses nothing but the standard library and lc_ibis.
"""

from __future__ import annotations

import cProfile
import json
import os
import sys
from pathlib import Path
from typing import Any

COMPILER = os.path.join("ibis", "backends", "sql", "compilers", "base.py")
LIBRARIES = ("ibis", "sqlglot", "pyarrow", "duckdb")


def counts(profile: cProfile.Profile) -> dict[str, Any]:
    """Return the calls of all functions, and those of the one that every compilation by Ibis goes through."""
    calls = compilations = 0
    for entry in profile.getstats():
        calls += entry.callcount
        code = entry.code
        if not isinstance(code, str) and code.co_name == "to_sqlglot" and code.co_filename.endswith(COMPILER):
            compilations += entry.callcount
    loaded = {name: name in sys.modules for name in LIBRARIES}
    return {"Python_calls": calls, "compilations": compilations, "imported": loaded}


def main() -> None:
    """Run the words after the file's name as lc-ibis would, then write the counts into the file."""
    file = Path(sys.argv[1])
    del sys.path[0]  # this directory, whose modules are no business of the build's
    sys.argv[:] = ["lc-ibis", *sys.argv[2:]]
    profile = cProfile.Profile()
    profile.enable()
    try:
        from lc_ibis.cli import run

        run()
    finally:
        profile.disable()
        file.write_text(json.dumps(counts(profile)), encoding="utf-8")


if __name__ == "__main__":
    main()
