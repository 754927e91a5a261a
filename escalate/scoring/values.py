"""Single values on their way between CSV, JSON and Arrow."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import pyarrow as pa

from escalate.scoring.answers import is_text

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LARGEST_INTEGER: Final = 2**63
_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def readable(text: str) -> str:
    r"""Return ``text`` as it can be written in UTF-8.

    A byte that did not fit the encoding of the input becomes ``\xff``, half a surrogate pair
    becomes ``\ud83d``.
    """
    return text if text.isascii() else _SURROGATE.sub(_escape, text)


def json_text(value: object) -> str:
    """Return a value as one line of JSON; what is not UTF-8 in its strings becomes as in ``readable``."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else _SURROGATE.sub(lambda match: "\\" + _escape(match), text)


def cell(value: object) -> str:
    """Return a JSON-ready value as the text of a CSV cell: nothing for None, JSON for what is nested."""
    if value is None:
        return ""
    return readable(value) if isinstance(value, str) else json_text(value)


def to_array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """Return JSON-ready values as an Arrow array.

    In a column of strings other values become their JSON text. In one of floats integers beyond 2**53
    lose their last digits.

    Raises:
        pa.ArrowException: A nested value does not fit ``kind``.
    """
    if pa.types.is_string(kind):
        return pa.array([None if value is None else cell(value) for value in values], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in values], kind)  # type: ignore[arg-type]
    return pa.array(values, kind)


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table cast to a schema of the same columns.

    Raises:
        pa.ArrowException: A value does not fit its new type.
    """
    # No cast that changes nothing: in pyarrow 26 it breaks a column of lists that hold only nulls.
    return table if table.schema == schema else table.cast(schema)


def kind_of(values: Sequence[object]) -> pa.DataType:
    """Return the Arrow type of JSON-ready values; a string where they have none in common."""
    present = [value for value in values if value is not None]
    if not present:
        return pa.null()
    classes = {type(value) for value in present}
    if classes == {bool}:
        return pa.bool_()
    if classes <= {int, float}:
        integers = [value for value in present if isinstance(value, int)]
        if any(not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER for value in integers):
            return pa.string()
        return pa.int64() if classes == {int} else pa.float64()
    if classes & {str, bool, int, float}:
        return pa.string()
    try:
        kind = pa.array(values).type
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError):
        return pa.string()
    return pa.string() if _has_empty_struct(kind) else kind


def common_kind(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return a type that holds the values of both; a string where there is none."""
    if pa.types.is_string(one) or pa.types.is_string(other):
        return other if pa.types.is_null(one) else one if pa.types.is_null(other) else pa.string()
    try:
        schemas = [pa.schema([("value", kind)]) for kind in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field("value").type
    except pa.ArrowException:
        return pa.string()


def json_ready(column: pa.ChunkedArray) -> list[object]:
    """Return the values of an Arrow column as JSON knows them.

    Times, dates, durations and decimals become text, bytes become the text they spell, NaN and
    infinities null, and whatever else JSON does not know its text in Python.

    Raises:
        OverflowError: A nested value, such as a date after the year 9999, is too large for Python.
        ValueError: Text inside a nested value is not UTF-8, or a structure has a name twice.
        pa.ArrowException: A time zone is not known, or Arrow writes no values of this type as text.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return json_ready(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return json_ready(column.cast(kind.value_type))
    if is_text(kind):
        return [_plain(value) for value in column.cast(pa.large_binary()).to_pylist()]
    if pa.types.is_duration(kind):
        # Cast to text they would be bare numbers, and Python's own type has no nanoseconds.
        step = _NANOSECONDS[kind.unit]
        values = column.cast(pa.int64()).to_pylist()
        return [None if value is None else _duration(value * step) for value in values]
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        # The cast keeps nanoseconds, which Python's own types do not have.
        return list(column.cast(pa.string()).to_pylist())
    return [_plain(value) for value in column.to_pylist()]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return readable(value.decode("utf-8", "surrogateescape"))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value // timedelta(microseconds=1) * 1000 + getattr(value, "nanoseconds", 0))
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def _duration(nanoseconds: int) -> str:
    """Return hours, minutes and seconds, such as ``0:00:05.5``."""
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    decimals = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{'-' if nanoseconds < 0 else ''}{hours}:{minutes:02}:{seconds:02}{decimals}"


def _has_empty_struct(kind: pa.DataType) -> bool:
    """Tell whether a type holds an object without keys, which Parquet cannot store."""
    if pa.types.is_struct(kind) and kind.num_fields == 0:
        return True
    return any(_has_empty_struct(kind.field(i).type) for i in range(kind.num_fields))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC00 <= code <= 0xDCFF else f"\\u{code:04x}"
