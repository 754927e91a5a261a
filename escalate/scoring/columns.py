"""The columns of the input: which holds the messages, and whether the added ones have room."""

from __future__ import annotations

import pyarrow as pa

from escalate.errors import ScoringError
from escalate.scoring.answers import is_text
from escalate.scoring.blocks import Block
from escalate.text import has_words

_WORDY_SHARE = 0.2


def choose_text_column(schema: pa.Schema, wanted: str | None, others: list[str], sample: Block | None) -> str:
    """Return the column that holds the messages.

    Without a wish it is the only column of strings, or the only one in which at least a fifth of the
    values has two words or more.

    Args:
        schema: The columns of the input.
        wanted: The column named by the user, if one was.
        others: Columns that hold something else, such as the id.
        sample: The first rows, if there are any.

    Raises:
        ScoringError: The wanted column is not there, or there is not exactly one candidate.
    """
    if wanted is not None:
        require_column(schema, wanted, "--text-column")
        return wanted
    strings: list[str] = [
        field.name for field in schema if _is_string(field.type) and field.name not in others
    ]
    candidates: list[str] = strings
    if len(strings) > 1 and sample is not None:
        candidates = [name for name in strings if _is_wordy(sample, name)]
    if not candidates:
        raise ScoringError(
            "no column seems to hold the messages; for CSV or JSON not in UTF-8 name its --encoding, such "
            f"as cp1255, or else the column with --text-column: {_listed(schema)}"
        )
    if len(candidates) > 1:
        raise ScoringError(
            f"{len(candidates)} columns may hold the messages; name one with --text-column: {_listed(schema)}"
        )
    return candidates[0]


def require_column(schema: pa.Schema, name: str, option: str) -> None:
    """Refuse an option that names no column.

    Raises:
        ScoringError: There is no column ``name``.
    """
    if name not in schema.names:
        raise ScoringError(f"{option} {name!r} is no column of the input; it has {_listed(schema)}")


def refuse_clashes(schema: pa.Schema, added: pa.Schema) -> None:
    """Refuse an input that has a column of the name of an added one.

    Raises:
        ScoringError: There is such a column.
    """
    if clashing := [name for name in added.names if name in schema.names]:
        raise ScoringError(
            f"the input already has the column {', '.join(map(repr, clashing))}; "
            "choose names of their own for the added columns with --prefix"
        )


def _listed(schema: pa.Schema) -> str:
    return ", ".join(map(repr, schema.names)) or "no columns"


def _is_string(kind: pa.DataType) -> bool:
    return is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_wordy(sample: Block, column: str) -> bool:
    texts = [text for text in sample.texts(column)[0] if text is not None]
    wordy = sum(sum(map(has_words, text.split())) >= 2 for text in texts)
    return wordy > 0 and wordy >= _WORDY_SHARE * len(texts)
