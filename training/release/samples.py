"""Messages that a candidate and the released model are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from escalate.bundle import read_manifest
from training.corpus.messages import CORPUS, Message, corpus_hash, read_split
from training.errors import CorpusError
from training.release.own_messages import given_test_messages, known_to_others
from training.tickets.columns import Columns
from training.tickets.own_corpus import find_own_corpus, languages_are_labels, trained_by_project


@dataclass(frozen=True)
class Sample:
    """Messages to measure on.

    Attributes:
        messages: The messages.
        name: What they are, for a person.
        recorded: The same for the changelog, which others read.
        judge_language: Whether their languages are labels, not what a model read.
        notes: What a reader should know of them, a sentence each.
    """

    messages: Sequence[Message]
    name: str
    recorded: str
    judge_language: bool
    notes: tuple[str, ...] = ()


def sample_of_corpus(candidate: Path, corpus: Path | None) -> Sample:
    """Return the test split of a corpus.

    Args:
        candidate: Bundle of the candidate.
        corpus: The corpus, or None for the one the candidate was trained with.

    Raises:
        BundleError: The candidate cannot be read.
        CorpusError: The corpus cannot be read, or the candidate's own messages are not to be found.
    """
    manifest = read_manifest(candidate)
    folder = corpus or (CORPUS if trained_by_project(manifest) else find_own_corpus(candidate, manifest))
    if folder is None:
        raise CorpusError(
            f"the messages that {candidate} was trained with are not in runs/; name them with --corpus, "
            "such as --corpus runs/mine/corpus, or other tickets with --data"
        )
    found = corpus_hash(folder)
    same = found == manifest["data"]["sha256"]
    other = f"another corpus, SHA-256 `{found}`"
    note = (
        f"{candidate} was trained with another corpus: messages of this test split may be among its "
        "training messages."
    )
    return Sample(
        messages=read_split(folder, "test"),
        name=f"the test split of {folder}",
        recorded=f"the test split of {'the same corpus' if same else other}",
        judge_language=languages_are_labels(folder),
        notes=() if same else (note,),
    )


def sample_of_tickets(candidate: Path, source: str, columns: Columns, against: Path | None) -> Sample:
    """Read own tickets; those that the candidate learned are left out.

    Args:
        candidate: Bundle of the candidate.
        source: The tickets.
        columns: Which column of them holds what.
        against: Bundle to compare with, or None for the released one.

    Raises:
        BundleError: A bundle cannot be read.
        TicketsError: The tickets cannot be read, or the candidate learned all of them.
    """
    test = given_test_messages(candidate, source, columns, None)
    return Sample(
        messages=test.messages,
        name=source,
        recorded=f"{len(test.messages):,} own messages",
        judge_language=test.languages_given,
        notes=(*test.notes, *known_to_others(test.messages, against)),
    )
