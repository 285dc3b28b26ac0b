"""What the SQL of a pipeline depends on: the files that were imported for it, and whether they say all of it."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

# Modules that code may import and still say all that it depends on; others may read settings, the clock, or files.
_HARMLESS = {
    "__future__", "abc", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "ibis",
    "itertools", "lc_ibis", "math", "operator", "re", "string", "types", "typing", "typing_extensions", "warnings",
}  # fmt: skip
# Names that read something else all the same.
_OPEN_ENDED = {"open", "now", "utcnow", "today", "__import__", "exec", "eval", "input"}
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


def is_self_contained(files: Iterable[Path]) -> str | None:
    """Return why the text of files is not all that their code depends on, as far as can be seen; None if it is.

    Each may import the others and a few harmless modules. Raises OSError, SyntaxError.
    """
    given = list(files)
    known = {path.parent.name if path.name == "__init__.py" else path.stem for path in given}
    for file in given:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if found := sorted(set(_imported(node)) - _HARMLESS - known):
                return f"{file.name} imports {found[0]}"
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in _OPEN_ENDED or name.startswith("read_"):
                return f"{file.name} uses {name}"
    return None


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the top names of the modules that a statement imports; within its own package none."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield (node.module or "").partition(".")[0]


def libraries() -> str:
    """Return the names and versions of all installed libraries."""
    found = {entry.name for path in sys.path if Path(path).is_dir() for entry in Path(path).glob("*.dist-info")}
    return " ".join(sorted(found))


def _package(init: Path) -> Iterator[Path]:
    return init.parent.rglob("*.py")


def _is_of_library(path: Path) -> bool:
    return path.is_relative_to(_STANDARD) or bool({"site-packages", "dist-packages"} & set(path.parts))
