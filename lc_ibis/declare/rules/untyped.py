"""Decimals that a query holds without their type: each engine gives them another, and rounds them to it."""

from __future__ import annotations

from decimal import Decimal

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir

# What DuckDB takes an untyped decimal for. Spark has 18 places.
_PRECISION, _SCALE = 18, 3


def untyped(expr: ir.Table) -> str | None:
    """Return which number engines would read otherwise, and the remedy; None if there is none.

    Ibis 12.0 writes a Decimal without a type as DuckDB's decimal(18, 3) and Spark's decimal(38, 18).
    """
    for literal in expr.op().find(ops.Literal):
        value, type_ = literal.value, literal.dtype
        is_untyped = isinstance(type_, dt.Decimal) and type_.precision is None
        if is_untyped and isinstance(value, Decimal) and value.is_finite():
            precision, scale = _needed(value)
            if scale > _SCALE or precision - scale > _PRECISION - _SCALE:
                return (
                    f"it contains the untyped decimal {value}, which DuckDB reads as decimal({_PRECISION}, "
                    f"{_SCALE}). Set its type: ibis.literal(Decimal('{value}'), 'decimal({precision}, {scale})')."
                )
    return None


def _needed(value: Decimal) -> tuple[int, int]:
    """Return the precision and scale that a number needs."""
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int), "a finite number has one"
    scale = max(-exponent, 0)
    return max(len(digits) + max(exponent, 0), scale), scale
