"""What the SQL of a pipeline depends on: the files that were imported for it, and whether they say all of it."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

# What lets code depend on more than its text: files, the environment, the clock, chance, code that is not there yet.
_OPEN_ENDED = {
    "open", "environ", "getenv", "read_text", "read_bytes", "listdir", "scandir", "iterdir", "glob", "rglob",
    "urlopen", "now", "utcnow", "today", "random", "uuid1", "uuid4", "import_module", "__import__", "exec", "eval",
    "getcwd", "cwd",
}  # fmt: skip
_STANDARD = Path(sysconfig.get_path("stdlib"))


def files_of(modules: Iterable[ModuleType], package: Path) -> list[Path]:
    """Return the files that a pipeline of these modules may be made of, besides those of our `package`.

    Those are all files of the packages that they are in, and all modules that are imported and lie in no library.
    """
    tops = {module.__name__.partition(".")[0] for module in modules} - {"lc_ibis"}
    found: set[Path] = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        path = Path(file)
        is_theirs = name.partition(".")[0] in tops
        if is_theirs and path.name == "__init__.py":
            found.update(path.parent.rglob("*.py"))
        elif is_theirs or not (path.is_relative_to(package) or _is_of_library(path)):
            found.add(path)
    return sorted(found)


def digests(files: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of files by path. Raises OSError."""
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def are_as_before(known: Mapping[str, str]) -> bool:
    """Say whether files are as they were, and no other has come beside them."""
    try:
        beside = {str(file) for name in known if Path(name).name == "__init__.py" for file in _package(Path(name))}
        return beside <= known.keys() and digests(map(Path, known)) == known
    except OSError:
        return False


def say_all(files: Iterable[Path]) -> bool:
    """Say whether the text of files is all that their code depends on, as far as can be seen. Raises OSError."""
    return not any(name in _OPEN_ENDED or name.startswith("read_") for file in files for name in _names(file))


def libraries() -> str:
    """Return the names and versions of all installed libraries."""
    found = {entry.name for path in sys.path if Path(path).is_dir() for entry in Path(path).glob("*.dist-info")}
    return " ".join(sorted(found))


def _package(init: Path) -> Iterator[Path]:
    return init.parent.rglob("*.py")


def _is_of_library(path: Path) -> bool:
    return path.is_relative_to(_STANDARD) or bool({"site-packages", "dist-packages"} & set(path.parts))


def _names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
