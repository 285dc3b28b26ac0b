"""Who builds: this checkout, another build of lc-ibis, and the scripts written by hand."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import run

HERE = Path(__file__).parent
NOW, THEN, LEAN, STORED = "now", "then", "lean floor", "floor"

FACTS = """
import hashlib, importlib.metadata as metadata, json, pathlib, platform, lc_ibis
digest = hashlib.sha256()
for file in sorted(pathlib.Path(lc_ibis.__file__).parent.rglob("*.py")):
    digest.update(file.read_bytes())
names = ("lc-ibis", "duckdb", "ibis-framework", "sqlglot", "pyarrow")
facts = {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
print(json.dumps({**facts, "program": digest.hexdigest()[:12]}))
"""


@dataclass(frozen=True)
class Step:
    """A step of a pipeline's life: from the database of day 1 or from none, with the extracts of a day."""

    name: str
    day: str
    from_day1: bool = True
    options: tuple[str, ...] = ()
    of_floor: tuple[str, ...] | None = None
    changed: int | None = None


FIRST = Step("first build", "day1", from_day1=False, of_floor=())
UNCHANGED = Step("nothing changed", "day1", of_floor=("--day2",))
DAY2 = Step("day 2, full extract", "day2", of_floor=("--day2",))
DELTA = Step("day 2, delta", "delta", options=("--delivery", "delta"))
REFRESH = Step("full refresh on day 2", "day2", options=("--full-refresh",))
STEPS = (FIRST, UNCHANGED, DAY2, DELTA, REFRESH)


@dataclass(frozen=True)
class Builder:
    """One who builds, by which interpreter; `package` is the directory that its lc_ibis lies in, if not installed."""

    name: str
    python: str
    package: Path | None = None

    @property
    def is_floor(self) -> bool:
        return self.name in (LEAN, STORED)

    def takes(self, step: Step) -> bool:
        """Say whether it has such a step: a floor has no delta and no refresh, curves are of this checkout alone."""
        if self.is_floor:
            return step.of_floor is not None
        return step.changed is None or self.name == NOW

    def command(self, step: Step, inputs: Path, to: Path) -> list[str]:
        """Return the command of a step, from these extracts into the database and files in the directory `to`."""
        places = {"--inputs": inputs, "--database": to / "lc.duckdb", "--outputs": to / "outputs"}
        words = [str(word) for pair in places.items() for word in pair]
        if self.is_floor:
            kind = "--lean" if self.name == LEAN else "--no-lean"
            return [self.python, str(HERE / "floor.py"), *words, kind, *(step.of_floor or ())]
        words += ["--reports", str(to / "reports"), *step.options]
        return [self.python, "-m", "lc_ibis", "build", "--json", *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of its processes: no setting of ours, and its own lc_ibis before an installed one."""
        given = {k: v for k, v in os.environ.items() if not k.startswith(("LC_IBIS_", "PYTHONPATH", "PYTEST_"))}
        return {**given, **({"PYTHONPATH": str(self.package)} if self.package else {}), **more}

    def facts(self, cwd: Path) -> dict[str, Any]:
        """Return versions, and a digest of its lc_ibis."""
        return dict(json.loads(run([self.python, "-c", FACTS], cwd, self.environment()).printed))


def builders(against: Path | None, scratch: Path) -> list[Builder]:
    """Return those who build side by side; `against` is a wheel, or the Python of a venv with another build.

    A wheel is unpacked and runs on today's interpreter and libraries, so that nothing but lc-ibis differs.
    """
    found = [Builder(NOW, sys.executable, HERE.parent)]
    if against is not None and against.suffix == ".whl":
        with zipfile.ZipFile(against) as wheel:
            wheel.extractall(scratch / "then")
        found.append(Builder(THEN, sys.executable, scratch / "then"))
    elif against is not None:
        # Not resolved: an interpreter of a venv is a link, and knows its venv by its own path.
        found.append(Builder(THEN, str(against.absolute())))
    return [*found, Builder(LEAN, sys.executable), Builder(STORED, sys.executable)]
