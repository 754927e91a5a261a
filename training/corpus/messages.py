"""The corpus: its format, its files and how they are read.

A corpus is a folder ``{train,validation,test}/{he,ar,cs,en,other}.jsonl``. A line is one message, a
JSON object with the fields of ``Message``; ``id``, ``text`` and ``language`` must be there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from training.errors import CorpusError
from training.files import write_whole

if TYPE_CHECKING:
    from datasets import DatasetDict

CORPUS: Final = Path(__file__).resolve().parents[2] / "data"
SPLITS: Final = ("train", "validation", "test")
DISPUTED: Final = "disputed"

_MAX_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One labelled message; ``data/README.md`` describes the fields.

    A label is 0, 1 or None for unknown. The ``second_`` labels are those of an independent, blind
    annotator.
    """

    id: str
    text: str
    language: str
    complexity: int | None = None
    negative_sentiment: int | None = None
    human_requested: int | None = None
    domain: str | None = None
    channel: str | None = None
    style: str | None = None
    pair: str | None = None
    group: str | None = None
    situation: str | None = None
    second_complexity: int | None = None
    second_negative_sentiment: int | None = None
    second_human_requested: int | None = None

    def label(self, output: str) -> int | None:
        """Return the label of one output."""
        value: int | None = getattr(self, output)
        return value


LABELS: Final = (*OUTPUTS, *(f"second_{output}" for output in OUTPUTS))
FIELDS: Final = tuple(field.name for field in fields(Message))
_REQUIRED: Final = ("id", "text", "language")

_HALF: Final = re.compile(r"[\ud800-\udfff]")
"""JSON can escape half a character; UTF-8, and so every file that is made of a message, cannot hold it."""


def parse_message(data: Any) -> Message:
    """Build a message from the JSON data of one line.

    Raises:
        ValueError: The data are not a message; the error says which field and why.
    """
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    if missing := [name for name in _REQUIRED if name not in data]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := sorted(set(data) - set(FIELDS)):
        raise ValueError(f"unknown field {', '.join(unknown)}; known: {', '.join(FIELDS)}")
    for name, value in data.items():
        if name in LABELS:
            if value not in (0, 1, None) or isinstance(value, bool | float):
                raise ValueError(f"{name} is {value!r}; it must be 0, 1 or null")
        elif not isinstance(value, str) and (value is not None or name in _REQUIRED):
            raise ValueError(f"{name} is {value!r}; it must be a string")
        elif value is not None and (half := _HALF.search(value)):
            raise ValueError(
                f"{name} holds half a character, {half[0]!a} at position {half.start()}, as a text cut short "
                "has it; take it out"
            )
    if not data["text"].strip():
        raise ValueError("text is empty")
    if data["language"] not in LANGUAGE_CLASSES:
        raise ValueError(f"language is {data['language']!r}; it must be one of {', '.join(LANGUAGE_CLASSES)}")
    return Message(**data)


def read_messages(path: Path) -> list[Message]:
    """Read one JSON-lines file.

    Raises:
        CorpusError: The file cannot be read or rows are wrong; every wrong row is named.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
    if lines[-1] == b"":
        lines.pop()
    messages, errors = [], []
    for row, line in enumerate(lines, 1):
        try:
            messages.append(parse_message(json.loads(line.decode("utf-8"))))
        except UnicodeDecodeError as error:
            errors.append(f"{path} row {row}: not UTF-8 ({error.reason} at byte {error.start})")
        except json.JSONDecodeError as error:
            errors.append(f"{path} row {row}: not JSON ({error})")
        except ValueError as error:
            errors.append(f"{path} row {row}: {error}")
    if errors:
        more = f"\n… and {len(errors) - _MAX_ERRORS} more" if len(errors) > _MAX_ERRORS else ""
        raise CorpusError("\n".join(errors[:_MAX_ERRORS]) + more)
    return messages


def write_messages(path: Path, messages: Iterable[Message]) -> None:
    """Write one JSON-lines file; it appears only when whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(asdict(message), ensure_ascii=False) + "\n" for message in messages)
    write_whole(path, "".join(lines))


def corpus_files(folder: Path, split: str) -> list[Path]:
    """Return the files of one split, in a fixed order.

    Raises:
        CorpusError: There is none.
    """
    files = sorted((folder / split).glob("*.jsonl"))
    if not files:
        raise CorpusError(f"no .jsonl files in {folder / split}; expected {{language}}.jsonl")
    return files


def read_split(folder: Path, split: str) -> list[Message]:
    """Read all messages of one split.

    Raises:
        CorpusError: The split is missing or a row is wrong.
    """
    return [message for path in corpus_files(folder, split) for message in read_messages(path)]


def read_disputed(folder: Path) -> list[Message]:
    """Read the messages on which two annotators differed; they are in no split.

    Returns:
        The messages of ``folder/disputed``, none where there is no such folder.

    Raises:
        CorpusError: A row is wrong.
    """
    paths = sorted((folder / DISPUTED).glob("*.jsonl"))
    return [message for path in paths for message in read_messages(path)]


def load_corpus(folder: Path = CORPUS) -> DatasetDict:
    """Load a corpus as ``datasets.DatasetDict``, labels as nullable integers.

    Raises:
        CorpusError: A split is missing or a row is wrong.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    features = Features({name: Value("int8" if name in LABELS else "string") for name in FIELDS})

    def rows(split: str) -> Iterator[dict[str, Any]]:
        for message in read_split(folder, split):
            yield asdict(message)

    return DatasetDict({split: Dataset.from_list(list(rows(split)), features=features) for split in SPLITS})


def is_corpus(folder: Path) -> bool:
    """Tell a corpus from a folder of tickets, which may have splits too but no file named by a language."""
    return any(
        (folder / split / f"{language}.jsonl").is_file() for split in SPLITS for language in LANGUAGE_CLASSES
    )


def is_project(folder: Path) -> bool:
    """Tell whether a corpus is the project's own: written for everybody to read, under its own licence."""
    return folder.resolve() == CORPUS


def corpus_hash(folder: Path = CORPUS) -> str:
    """Return the SHA-256 over names and bytes of all corpus files, in a fixed order."""
    digest = hashlib.sha256()
    for split in SPLITS:
        for path in corpus_files(folder, split):
            digest.update(f"{split}/{path.name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
