"""Python code: of which library it is, its source, and what it names and imports."""

from __future__ import annotations

import dis
import functools
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PLACES = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = tuple(Path(sysconfig.get_paths()[name]).resolve() for name in _PLACES)
# What brings in other code by a name that is known only when it runs.
_UNSEEN = ("__import__", "import_module", "eval", "exec")


class Untold(Exception):
    """Why there is no text that changes when a function does."""


def root(thing: Any) -> str:
    """Return the package of a module, or of what is defined in one."""
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None) or ""
    return str(name).split(".")[0]


def source(name: str, thing: Any) -> str:
    try:
        file = file_of(thing) if isinstance(thing, ModuleType) else None
        if file is not None and not file.endswith((".so", ".pyd")):
            return "" if Path(file).is_dir() else Path(file).read_text(encoding="utf-8")
        return inspect.getsource(thing)
    except (OSError, TypeError, ValueError):
        which = "has no readable source" if name == "itself" else f"names {name}, which has no source"
        raise Untold(f"{which}. Define it with def in a module") from None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and that of the functions and classes inside."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def names_in(code: CodeType) -> Iterator[str]:
    """Yield the names of variables and attributes in code."""
    for each in _codes(code):
        yield from each.co_names


def texts_in(code: CodeType) -> Iterator[str]:
    """Yield the texts in code that may be names of attributes."""
    yield from (
        text for each in _codes(code) for text in each.co_consts if isinstance(text, str) and text.isidentifier()
    )


def imports_in(code: CodeType) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield what code imports: how many packages up, the module, and what is taken from it. Raises Untold."""
    for each in _codes(code):
        steps = list(dis.get_instructions(each))
        for i, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                yield steps[i - 2].argval, step.argval, steps[i - 1].argval or ()
            is_bare = step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
            if step.argval in _UNSEEN and (is_bare or step.argval == "import_module"):
                raise Untold(f"calls {step.argval}, which imports code by name. Use an import statement")


def is_library(file: str | None) -> bool:
    return file is None or any(Path(file).resolve().is_relative_to(place) for place in _LIBRARIES)


def is_of_library(root: str) -> bool:
    """Say whether a package that need not be imported is a library. Raises ValueError, ImportError."""
    spec = importlib.util.find_spec(root)
    if spec is None:
        return False
    return is_library(spec.origin if spec.has_location else _first(spec.submodule_search_locations))


def file_of(module: ModuleType) -> str | None:
    return getattr(module, "__file__", None) or _first(getattr(module, "__path__", None))


def _first(places: Iterable[str] | None) -> str | None:
    return next(iter(places or ()), None)


@functools.cache
def version_of(module: str) -> str:
    """Return the version of the package that a module is of; empty for those of Python itself."""
    root = module.split(".")[0]
    if root in sys.stdlib_module_names:
        return ""
    try:
        return version(root)
    except PackageNotFoundError:
        return " ".join(f"{name} {version(name)}" for name in sorted(set(packages_distributions().get(root, ()))))
