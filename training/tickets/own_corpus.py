"""Own tickets as a corpus: train, validation and test in the run's folder, for every later command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from escalate.bundle import LANGUAGE_CLASSES
from escalate.text import normalise
from training.corpus.messages import CORPUS, SPLITS, Message, corpus_hash, read_split, write_messages
from training.errors import CorpusError
from training.files import whole_folder, write_whole
from training.tickets.reading import Tickets
from training.tickets.splitting import Split

FOLDER: Final = "corpus"
"""Where a run keeps the split of its tickets."""

RUNS: Final = Path("runs")

PROJECT: Final = "project"
USER: Final = "user"
"""Whose the training data are: ``data.origin`` of a manifest."""

LEARNED: Final = ("train", "validation")
"""The splits of own messages that a model learned, was stopped by or calibrated with."""

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
    return _find(bundle, [wanted]).get(wanted)


def trained_by_project(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a model learned from the project's corpus alone; the first one did not record it."""
    return bool(manifest["data"].get("origin", PROJECT) == PROJECT)


def learned_corpora(manifest: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 of the own messages that a model learned, after those that its start learned.

    A model of the project learned none. Manifests written by escalate 0.11.0 and older name only the last.
    """
    data = manifest["data"]
    return [] if trained_by_project(manifest) else list(data.get("learned", [data["sha256"]]))


@dataclass(frozen=True)
class Learned:
    """The own messages that a model learned, with those of the models that it was trained further from.

    Attributes:
        folders: The corpora that are found.
        missing: SHA-256 of those that are not to be found.
    """

    folders: Sequence[Path]
    missing: Sequence[str]

    def texts(self) -> set[str]:
        """Return the normalised texts of the messages that are found.

        Raises:
            CorpusError: A corpus is damaged.
        """
        return texts_of(self.folders, LEARNED)


def find_learned(bundle: Path, manifest: Mapping[str, Any], *others: Path) -> Learned:
    """Look for the own messages that a model learned where ``find_own_corpus`` does.

    Args:
        bundle: The model.
        manifest: Its manifest.
        others: Corpora that may be among them, wherever they are.
    """
    wanted = learned_corpora(manifest)
    found = _find(bundle, wanted, *others)
    return Learned(list(found.values()), [sha256 for sha256 in wanted if sha256 not in found])


def notes_on(missing: Iterable[str], model: str) -> Iterator[str]:
    """Yield a sentence on each corpus that is not to be found, by its SHA-256.

    Args:
        missing: The SHA-256 of each.
        model: What the model that learned them is called, such as ``new model``.
    """
    for sha256 in missing:
        yield (
            f"The training messages of the {model} are not to be found in runs/ (corpus {sha256[:12]}…): it "
            "may have learned some of these."
        )


def texts_of(corpora: Iterable[Path], splits: Iterable[str]) -> set[str]:
    """Return the normalised texts of some splits of corpora.

    Raises:
        CorpusError: A split is missing or damaged.
    """
    read = ((corpus, split) for corpus in corpora for split in splits)
    return {normalise(message.text) for corpus, split in read for message in read_split(corpus, split)}


def _find(bundle: Path, wanted: Iterable[str], *others: Path) -> dict[str, Path]:
    """Return where corpora are, by the SHA-256 that is wanted; those not to be found are left out."""
    left, found = set(wanted), {}
    for folder in (*others, RUNS / bundle.name / FOLDER, *sorted(RUNS.glob(f"*/{FOLDER}")), CORPUS):
        if not left:
            break
        try:
            sha256 = corpus_hash(folder)
        except CorpusError:
            continue
        if sha256 in left:
            found[sha256] = folder
            left.remove(sha256)
    return found
