"""The pipeline of a project: this package's models, and those of the packages that the settings name."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from lc_ibis.compiled import cache
from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import Dialect
from lc_ibis.declare.graph import Output
from lc_ibis.errors import LcIbisError, ModelError, SettingsError
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from lc_ibis.declare.pipeline import Pipeline


def program(settings: Settings) -> Program:
    """Return the program of the pipeline that the settings speak of, its SQL from memory if it is there.

    Raises what `load` raises, if the pipeline is to be loaded.
    """
    dialect = Dialect.of(settings.backend)
    if settings.no_cache:
        pipeline = load(settings)
        return Program(pipeline, dialect, lambda: pipeline)
    return cache.load(dialect, lambda: load(settings), settings.models)


def load(settings: Settings) -> Pipeline:
    """Return the pipeline that the settings speak of.

    Their `models` are packages, installed or in the current directory; each module of one is a layer, named as ours
    are or otherwise, and its `outputs`, if it has them, are written to files. A module alone is one too.
    Raises SettingsError where there is no such package, ModelError where it cannot be imported or does not fit ours.
    """
    from lc_ibis.layers import pipeline

    return _with(pipeline, settings.models, Path.cwd()) if settings.models else pipeline


@functools.cache
def _with(ours: Pipeline, names: tuple[str, ...], directory: Path) -> Pipeline:
    from lc_ibis.declare.pipeline import Pipeline

    modules = [module for name in names for module in _of_models(name, directory)]
    outputs = [output for module in modules for output in _outputs(module)]
    return Pipeline.of(*ours.modules, *modules, outputs=[*ours.outputs, *outputs])


def _of_models(name: str, directory: Path) -> list[ModuleType]:
    """Import a package and its modules. Raises SettingsError where it has nothing to do with us, only a name."""
    modules = list(_modules(name, directory))
    if not any(key == "outputs" or _is_ours(value) for each in modules for key, value in vars(each).items()):
        where = getattr(modules[0], "__file__", None) or "Python itself"
        near = [place for place in (directory / name, directory / f"{name}.py") if place.exists()]
        hidden = near and not Path(where).is_relative_to(directory)
        mend = f"It hides {near[0]}: give that another name." if hidden else "Choose a package that declares models."
        raise SettingsError(f"models: {name} ({where}) contains no models. {mend}")
    return modules


def _is_ours(value: object) -> bool:
    """Say whether a name of a module stands for something of lc_ibis: a model, the decorator, a table to check."""
    home = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
    return f"{home}.".startswith("lc_ibis.") or str(getattr(value, "__module__", "")).startswith("lc_ibis.")


def _modules(name: str, directory: Path) -> Iterator[ModuleType]:
    """Import a package, and yield it and its modules."""
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
    package = _imported(name, f"models: no module {name!r} in {directory}, and none is installed. Check --models.")
    yield package
    for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
        yield _imported(found.name, f"models: {found.name} is gone.")


def _imported(name: str, missing: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except LcIbisError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise SettingsError(missing) from None
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ModelError(
            f"{name}: it cannot be imported: {type(error).__name__}: {error} ({last.filename}, line {last.lineno})."
        ) from error


def _outputs(module: ModuleType) -> Iterator[Output]:
    declared = getattr(module, "outputs", ())
    if isinstance(declared, ModuleType):  # a package's module of that name, which speaks for itself
        return
    for output in declared if isinstance(declared, Sequence) else (declared,):
        if not isinstance(output, Output):
            raise ModelError(f"{module.__name__}: outputs contains {output!r}, which is not an Output.")
        yield output
