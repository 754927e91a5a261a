"""The columns that scoring adds, and how texts become them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from threading import Event
from typing import Final, Literal, get_args

import pyarrow as pa

from escalate.classifier import Classifier
from escalate.policy import OUTPUTS
from escalate.prediction import Prediction

Status = Literal["ok", "missing_text", "wrong_type", "broken_encoding", "malformed_row"]
"""What became of a row: ``ok``, or why its text has no answer.

``missing_text``: no text, or an empty one. ``wrong_type``: something that is not a text.
``broken_encoding``: bytes that are no text in the encoding of the input, or half a surrogate pair.
``malformed_row``: a line that could not be taken apart; the reader of a file says so.
"""

OK: Final[Status] = "ok"

WITHOUT_ANSWER: Final = tuple(status for status in get_args(Status) if status != OK)
"""The statuses of rows that have no answer."""

_TYPES: Final[dict[str, pa.DataType]] = {
    **{output: pa.float64() for output in OUTPUTS},
    "language": pa.string(),
    "action": pa.string(),
    "reasons": pa.list_(pa.string()),
    "model": pa.string(),
    "status": pa.string(),
}

ANSWER_COLUMNS: Final = tuple(_TYPES)
"""The added columns in their order, without prefix. A row whose status is not ``ok`` has null in all
of them but ``model`` and ``status``."""

_REMEMBERED: Final = 20_000


def answer_schema(prefix: str = "") -> pa.Schema:
    """Return the names and types of the added columns, ``prefix`` before each name."""
    return pa.schema([(prefix + name, kind) for name, kind in _TYPES.items()])


def read_texts(column: pa.Array | pa.ChunkedArray) -> tuple[list[str | None], list[Status]]:
    """Return the text of every row (None where there is none) and its status.

    Args:
        column: Strings of any Arrow type, dictionary-encoded or not. Bytes are read as UTF-8. Of any
            other type each value is a ``wrong_type``; nothing raises.
    """
    if isinstance(column, pa.ChunkedArray):
        chunks = [read_texts(chunk) for chunk in column.chunks]
        return [t for texts, _ in chunks for t in texts], [s for _, statuses in chunks for s in statuses]
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text(column.type):
        statuses: list[Status] = ["wrong_type" if valid else "missing_text" for valid in _validity(column)]
        return [None] * len(column), statuses
    # As bytes, because Arrow does not check that a string is UTF-8 and one broken value would end all.
    read = [read_text(value) for value in column.cast(pa.large_binary()).to_pylist()]
    return [text for text, _ in read], [status for _, status in read]


def read_text(value: object) -> tuple[str | None, Status]:
    """Return the text of one value, or None, and its status; bytes are read as UTF-8."""
    if value is None or value == "" or value == b"":
        return None, "missing_text"
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8"), OK
        except UnicodeDecodeError:
            return None, "broken_encoding"
    if not isinstance(value, str):
        return None, "wrong_type"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None, "broken_encoding"
    return value, OK


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can be messages: strings or bytes of any layout."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


class Answerer:
    """Turns texts into the added columns; texts that are equal once normalised are scored once.

    The answers to the last 20,000 different texts are remembered, so that memory stays flat.
    Not safe to share between threads, but for ``stop``.
    """

    def __init__(self, classifier: Classifier, workers: int = 1, prefix: str = "") -> None:
        """Build on a loaded classifier.

        Args:
            classifier: What answers.
            workers: Threads that score side by side.
            prefix: Put before the names of the added columns.
        """
        self.schema = answer_schema(prefix)
        self._classifier = classifier
        self._workers = workers
        self._remembered: dict[bytes, Prediction] = {}
        self._stopped = Event()

    def stop(self) -> None:
        """Have answers that another thread asks for end early, with ``StoppedError``."""
        self._stopped.set()

    def answer(self, column: pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
        """Return the added columns for a column of texts, one row a text.

        Args:
            column: See ``read_texts``.
        """
        return self.answer_texts(*read_texts(column))

    def answer_texts(self, texts: Sequence[str | None], statuses: Sequence[Status]) -> pa.RecordBatch:
        """Return the added columns for texts that were read already.

        Args:
            texts: What ``read_text`` returns; a text counts where its status is ``ok``.
            statuses: One a text, for example ``malformed_row``.
        """
        answers = self._predict(
            [text if status == OK else None for text, status in zip(texts, statuses, strict=True)]
        )
        columns: dict[str, list[object]] = {
            name: [None if answer is None else getattr(answer, name) for answer in answers]
            for name in ANSWER_COLUMNS
            if name not in ("model", "status")
        }
        columns["model"] = [self._classifier.version] * len(answers)
        columns["status"] = list(statuses)
        arrays = [pa.array(columns[name], kind) for name, kind in _TYPES.items()]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _predict(self, texts: Sequence[str | None]) -> list[Prediction | None]:
        """Return an answer to every text, asking the model once for texts that are equal to it."""
        normalised = [None if text is None else self._classifier.normalise(text) for text in texts]
        keys = [None if text is None else _digest(text) for text in normalised]
        answers: dict[bytes, Prediction] = {}
        unknown: dict[bytes, str] = {}
        for key, text in zip(keys, normalised, strict=True):
            if key is None or text is None or key in answers or key in unknown:
                continue
            if (remembered := self._remembered.pop(key, None)) is None:
                unknown[key] = text
            else:
                answers[key] = remembered
        predictions = self._classifier.predict_many(unknown.values(), self._workers, self._stopped)
        answers.update(zip(unknown, predictions, strict=True))
        # Texts just used go to the end, the oldest go first.
        self._remembered.update(answers)
        while len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return [None if key is None else answers[key] for key in keys]


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=16).digest()


def _validity(column: pa.Array) -> list[bool]:
    valid: list[bool] = column.is_valid().to_pylist()
    return valid
