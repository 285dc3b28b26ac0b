"""What tells that a Python function changed: its source, and that of all that it names, and that these name.

What is of its own package, and of others all but libraries, is followed: functions, decorators, classes with their
methods and bases, modules with those attributes that are named anywhere on the way, and what is imported inside.
Libraries are told by name and version. What has no text is refused.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import importlib.util
import inspect
import logging
import re
import sys
import typing
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)  # fmt: skip
from typing import Any
from uuid import UUID

from lc_ibis.declare.rules.python_code import (  # fmt: skip
    Untold,
    file_of,
    imports_in,
    is_library,
    is_of_library,
    names_in,
    root,
    source,
    texts_in,
    version_of,
)

_PLAIN = (
    type(None), bool, int, float, complex, str, bytes, Decimal, date, time, timedelta, tzinfo, range, UUID, PurePath,
)  # fmt: skip
_OF_PYTHON = (GetSetDescriptorType, MemberDescriptorType, type(vars(namedtuple("_OfPython", "a"))["a"]))


def text(udf: Any) -> str:
    """Return the types of a function, its source, and all that it names, and that these name."""
    types = [str(parameter.annotation.pattern.dtype) for parameter in udf.__signature__.parameters.values()]
    signature = f"{udf.__input_type__.name} {types} {udf.dtype} {sorted(udf.__config__.items())}"
    function, names = udf.__func__, set[str]()
    while True:  # What is handed on is asked for its attributes elsewhere, by names that are found later.
        telling = _Telling(root(function), frozenset(names))
        lines = [signature, *telling.function("itself", function)]
        if telling.named <= names or not telling.has_asked:
            return "\n".join(lines)
        names |= telling.named


def untold(udf: Any) -> str | None:
    """Return why a function has no such text, and the remedy; None if it has."""
    try:
        text(udf)
    except Untold as why:
        return str(why)
    return None


@dataclass
class _Telling:
    """Writes down a function, and what it names; `names` are those of attributes that matter of what has many."""

    root: str
    names: frozenset[str]
    named: set[str] = field(default_factory=set)
    has_asked: bool = False
    seen: dict[int, str] = field(default_factory=dict)

    def function(self, name: str, function: Any) -> Iterator[str]:
        if not isinstance(function, FunctionType):
            yield source(name, function)
            return
        if known := self._known(function):
            yield known
            return
        yield source(name, function.__code__)
        yield self.value("a default", [function.__defaults__, function.__kwdefaults__])
        yield from self._around(function)
        names = set(names_in(function.__code__))
        self.named |= names | set(texts_in(function.__code__))
        for named in sorted(names & set(function.__globals__)):
            yield f"{named} = {self.value(named, function.__globals__[named])}"
        for imported in dict.fromkeys(imports_in(function.__code__)):
            yield from self._imported(function.__globals__, *imported)

    def value(self, name: str, value: Any) -> str:
        """Return the text of what is named. Raises Untold."""
        if isinstance(value, ModuleType):
            return self._module(name, value)
        if isinstance(value, type):
            return self._class(name, value)
        if (held := self._held(name, value)) is None:
            return self._called(name, value)
        return held if self._library(type(value)) else f"{held} {self._class(name, type(value))}"

    def _held(self, name: str, value: Any) -> str | None:
        """Return the text of a constant; None for what is none."""
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name} = {value.value!r}"
        if isinstance(value, re.Pattern):
            return f"{value.pattern!r} {value.flags}"
        if isinstance(value, _PLAIN) or typing.get_origin(value) is not None:
            return repr(value)
        if isinstance(value, Mapping):
            rows = [(self.value(name, key), self.value(name, each)) for key, each in value.items()]
            return repr([rows, self.value(name, getattr(value, "default_factory", None))])
        if isinstance(value, list | tuple):
            return repr([self.value(name, each) for each in value])
        if isinstance(value, set | frozenset):
            return repr(sorted(self.value(name, each) for each in value))
        if dataclasses.is_dataclass(value):
            return repr([self.value(name, getattr(value, each.name)) for each in dataclasses.fields(value)])
        return f"logger {value.name}" if isinstance(value, logging.Logger) else None

    def _called(self, name: str, value: Any) -> str:
        if isinstance(value, functools.partial | functools.partialmethod):
            return repr([self.value(name, each) for each in (value.func, value.args, value.keywords)])
        if isinstance(value, staticmethod | classmethod | MethodType):
            return self.value(name, [value.__func__, getattr(value, "__self__", None)])
        if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, type):
            return f"{self.value(name, value.__self__)}.{value.__name__}"
        if isinstance(value, property):
            return self.value(name, [value.fget, value.fset, value.fdel])
        if isinstance(value, functools.cached_property):
            return self.value(name, value.func)
        if isinstance(value, functools.singledispatchmethod):
            return self.value(name, value.dispatcher)
        if known := self._library(value):
            return known
        if isinstance(value, FunctionType):
            return "\n".join(self.function(name, value))
        if hasattr(value, "__wrapped__"):  # as those of functools.cache
            return f"{type(value).__qualname__} {self.value(name, value.__wrapped__)}"
        remedy = "Define it with def in a module" if callable(value) else "Make it a plain constant"
        raise Untold(f"names {name}, a {type(value).__name__}, which has no text. {remedy}")

    def _around(self, function: FunctionType) -> Iterator[str]:
        """Tell what a function has from where it was made: what it wraps, dispatches to, and closes over."""
        if function.__globals__ is vars(functools) and hasattr(function, "registry"):
            kinds = sorted(function.registry.items(), key=lambda item: repr(item[0]))
            yield self.value("a kind", kinds)
            return
        self.has_asked |= bool(vars(function))
        for name, value in sorted(vars(function).items()):
            if name == "__wrapped__" or name in self.names:
                yield f"{name} = {self.value(name, value)}"
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:  # it is not set yet, and so not read
                continue
            yield f"{name} = {self.value(name, held)}"

    def _class(self, name: str, cls: type) -> str:
        if known := self._library(cls):
            return known
        if known := self._known(cls):
            return known
        lines = [source(name, cls), *(self.value(name, base) for base in (*cls.__bases__, type(cls)))]
        if issubclass(cls, enum.Enum):
            lines += [f"{member.name} = {self.value(name, member.value)}" for member in cls]
        for attribute in getattr(cls, "__dataclass_fields__", {}).values():
            if callable(attribute.default_factory):
                lines.append(self.value(name, attribute.default_factory))
        for member, value in sorted(vars(cls).items()):
            if not _is_made(cls, member, value):
                lines.append(f"{member} = {self.value(f'{name}.{member}', value)}")
        return "\n".join(lines)

    def _module(self, name: str, module: ModuleType) -> str:
        if known := self._library(module):
            return known
        self.has_asked = True
        if known := self._known(module):
            return known
        attributes = [each for each in sorted(vars(module)) if each in self.names and not each.startswith("__")]
        told = [f"{each} = {self.value(f'{name}.{each}', vars(module)[each])}" for each in attributes]
        return "\n".join([source(name, module), *told])

    def _imported(self, known: dict[str, Any], level: int, name: str, taken: tuple[str, ...]) -> Iterator[str]:
        """Tell what a function imports when it is called; a library is not imported for it."""
        package = str(known.get("__package__") or known.get("__name__", ""))
        try:
            path = importlib.util.resolve_name("." * level + name, package)
            if path.split(".")[0] != self.root and is_of_library(path.split(".")[0]):
                yield f"{path} {version_of(path)} {taken}"
                return
            module = importlib.import_module(path)
            for each in taken:
                if not hasattr(module, each):
                    importlib.import_module(f"{path}.{each}")
        except (ImportError, ValueError) as error:
            raise Untold(f"imports {name}, which cannot be found ({error}). Install it") from None
        if taken:
            yield from (f"{each} = {self.value(each, getattr(module, each))}" for each in taken)
        else:
            yield self.value(name, module)
            yield self.value(name, sys.modules[path.split(".")[0]])

    def _library(self, value: Any) -> str:
        """Return how a library's module, class or function is told; empty for what is of no library, or made by one."""
        if isinstance(value, ModuleType):
            is_one = root(value) != self.root and is_library(file_of(value))
            return f"{value.__name__} {version_of(value.__name__)}" if is_one else ""
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
        module = sys.modules.get(getattr(value, "__module__", None) or type(value).__module__)
        if module is None or not name or root(module) == self.root or not is_library(file_of(module)):
            return ""
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        # Else it is of a library's making, from what it was given: told by that.
        is_one = found is value or isinstance(value, type)
        return f"{module.__name__}.{name} {version_of(module.__name__)}" if is_one else ""

    def _known(self, thing: Any) -> str:
        """Return what stands for a thing that is told already; empty for a new one."""
        known = self.seen.get(id(thing), "")
        self.seen.setdefault(id(thing), f"told as number {len(self.seen)}")
        return known


def _is_made(cls: type, name: str, value: Any) -> bool:
    """Say whether Python made a member of a class by itself, so that the class's source tells of it."""
    if isinstance(function := getattr(value, "__func__", value), FunctionType):
        code = inspect.unwrap(function).__code__
        return name.startswith("__") and code.co_filename.startswith("<")  # as those of dataclasses
    is_own = isinstance(value, staticmethod | classmethod | property | functools.partial | functools.partialmethod)
    is_of_enum = issubclass(cls, enum.Enum) and (name.startswith("_") or isinstance(value, (cls, enum.property)))
    return (name.startswith("__") and not is_own) or name == "_abc_impl" or isinstance(value, _OF_PYTHON) or is_of_enum
