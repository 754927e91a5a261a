"""Own tickets as a corpus: train, validation and test in the run's folder, for every later command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from escalate.bundle import LANGUAGE_CLASSES
from training.corpus.messages import CORPUS, SPLITS, Message, corpus_hash, read_split, write_messages
from training.errors import CorpusError
from training.files import whole_folder, write_whole
from training.tickets.reading import Tickets
from training.tickets.splitting import Split

FOLDER: Final = "corpus"
"""Where a run keeps the split of its tickets."""

RUNS: Final = Path("runs")

_ORIGIN: Final = "origin.json"


@dataclass(frozen=True)
class OwnCorpus:
    """Own messages in three splits.

    Attributes:
        folder: Where they are.
        splits: Messages by split.
        method: How they were split.
        reason: Why so, in one sentence.
        languages_given: Whether the tickets had a column with the languages; else a model read them.
        without_text: How many rows of the tickets held no text.
    """

    folder: Path
    splits: Mapping[str, list[Message]]
    method: str
    reason: str
    languages_given: bool
    without_text: int = 0


def write_own_corpus(tickets: Tickets, split: Split, folder: Path) -> OwnCorpus:
    """Write split tickets as a corpus; the folder appears only when whole.

    Returns:
        What ``read_own_corpus`` returns: an interrupted run finds its messages in the same order again.
    """
    parts = {name: list(getattr(split, name)) for name in SPLITS}
    origin: dict[str, Any] = {
        "method": split.method,
        "reason": split.reason,
        "languages_given": tickets.languages_given,
        "without_text": len(tickets.without_text),
    }
    with whole_folder(folder) as temporary:
        for name, messages in parts.items():
            for language in LANGUAGE_CLASSES:
                own = [message for message in messages if message.language == language]
                if own:
                    write_messages(temporary / name / f"{language}.jsonl", own)
        write_whole(temporary / _ORIGIN, json.dumps(origin, indent=2) + "\n")
    return read_own_corpus(folder)


def read_own_corpus(folder: Path) -> OwnCorpus:
    """Read what ``write_own_corpus`` wrote.

    Raises:
        CorpusError: It is not there or damaged.
    """
    return OwnCorpus(folder, {name: read_split(folder, name) for name in SPLITS}, **_origin(folder))


def languages_are_labels(corpus: Path) -> bool:
    """Tell whether the languages of a corpus were given, not read by a model that they could judge."""
    return not (corpus / _ORIGIN).is_file() or bool(_origin(corpus)["languages_given"])


def _origin(folder: Path) -> dict[str, Any]:
    path = folder / _ORIGIN
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read ({error}); delete the run and train again") from error
    return data


def find_own_corpus(bundle: Path, manifest: Mapping[str, Any]) -> Path | None:
    """Return where the messages lie that a bundle was trained with, None where they are not to be found.

    Looked for are the project's corpus and those in ``runs``; only one whose hash is that in the
    manifest counts.
    """
    wanted = manifest["data"]["sha256"]
    for folder in (RUNS / bundle.name / FOLDER, *sorted(RUNS.glob(f"*/{FOLDER}")), CORPUS):
        try:
            if corpus_hash(folder) == wanted:
                return folder
        except CorpusError:
            continue
    return None
