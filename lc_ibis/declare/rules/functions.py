"""Python functions in models (ibis.udf.scalar): how a query tells of them, and how all engines call them alike."""

from __future__ import annotations

import hashlib
import operator
import re
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import FunctionType
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.expr.operations.udf import InputType

from lc_ibis.declare.rules.function_text import text


def udfs(expr: ir.Expr) -> list[Any]:
    """Return the operations of a query whose functions an engine must be given, one of each function."""
    if not any(udf.__input_type__ is not InputType.BUILTIN for udf in ops.ScalarUDF.__subclasses__()):
        return []  # as in most pipelines: then no query need be looked through
    found = [udf for udf in expr.op().find(ops.ScalarUDF) if udf.__input_type__ is not InputType.BUILTIN]
    return list({type(udf): udf for udf in found}.values())


def told(expr: ir.Expr, sql: str) -> str:
    """Return a query's SQL, each function named by what it does; as it is, where there are none.

    The numbers that Ibis gives to functions depend on what else was imported.
    """
    for udf in udfs(expr):
        digest = hashlib.sha256(text(udf).encode()).hexdigest()
        sql = re.sub(rf"\b{re.escape(type(udf).__name__)}\b", f"{udf.__func_name__}:{digest}", sql, flags=re.IGNORECASE)
    return sql


# How all engines call one --------------------------------------------------------------------------------


def called(udf: Any, local_times: bool = False) -> Callable[..., Any]:
    """Return a function as all engines call it, whatever their own ways.

    Where an argument is null the result is null, unless it is declared with null_handling="special". Times are UTC
    without a zone, where an engine gives `local_times` too. The result is made one of the declared type, or refused;
    null may be given back.
    """
    function, where = _bare(udf.__func__), f"the function {udf.__func_name__} ({_where(udf.__func__)})"
    if udf.__input_type__ is InputType.PYARROW:
        return _telling(function, where)
    takes_nulls = str(udf.__config__.get("null_handling", "")).lower().endswith("special")
    taken = _unzoned if local_times else _as_it_is
    return _row_by_row(function, where, takes_nulls, taken, _given_back(udf.dtype, local_times))


def by_value(udf: Any, pickler: Any) -> None:
    """Have the modules of a function, and of this, travel with it: where it runs they need not be installed."""
    for name in (__name__, udf.__func__.__module__):
        if name in sys.modules:
            pickler.register_pickle_by_value(sys.modules[name])


def _where(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}" if code else function.__module__


def _bare(function: Any) -> Any:
    """Return a function without its annotations: Ibis' types need not be known where it runs."""
    if not isinstance(function, FunctionType):
        return function
    bare = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    bare.__kwdefaults__ = function.__kwdefaults__
    return bare


def _telling(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        try:
            return function(*values)
        except Exception as error:
            raise RuntimeError(_message(where, error)) from None

    return call


def _row_by_row(
    function: Callable[..., Any], where: str, takes_nulls: bool,
    taken: Callable[[Any], Any], given_back: Callable[[Any], Any],
) -> Callable[..., Any]:  # fmt: skip
    def call(*values: Any) -> Any:
        if not takes_nulls and any(value is None for value in values):
            return None
        try:
            result = function(*map(taken, values))
            return None if result is None else given_back(result)
        except Exception as error:
            raise RuntimeError(_message(where, error)) from None

    return call


def _message(where: str, error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{where} fails: {type(error).__name__}: {said}"


def _as_it_is(value: Any) -> Any:
    return value


def _unzoned(value: Any) -> Any:
    """Return a time in UTC, without a zone; one without is in that of the machine."""
    return value.astimezone(timezone.utc).replace(tzinfo=None) if isinstance(value, datetime) else value


def _given_back(type_: dt.DataType, local_times: bool) -> Callable[[Any], Any]:
    """Return how a result is made one of a type. Spark would make a null of what is not, DuckDB something near."""
    if type_.is_decimal():
        unit = Decimal(1).scaleb(-(type_.scale or 0))
        return lambda value: Decimal(str(value)).quantize(unit, ROUND_HALF_UP)
    if type_.is_integer():
        return operator.index
    if type_.is_floating():
        return float
    if type_.is_timestamp():
        zoned: Callable[[Any], Any] = lambda value: value if value.tzinfo else value.replace(tzinfo=timezone.utc)  # noqa: E731
        return zoned if local_times else lambda value: _unzoned(zoned(value))
    expected = bool if type_.is_boolean() else str if type_.is_string() else object
    return lambda value: value if isinstance(value, expected) else _refuse(value, expected)


def _refuse(value: Any, expected: type) -> Any:
    raise TypeError(f"it returned {value!r}, not {expected.__name__}")
