"""Own messages to compare models on, and which model may have learned some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from escalate.bundle import read_manifest
from escalate.text import normalise
from training.corpus.messages import CORPUS, Message, corpus_hash, read_split
from training.errors import CorpusError, TicketsError
from training.tickets.columns import Columns
from training.tickets.own_corpus import (
    FOLDER,
    LEARNED,
    find_learned,
    find_own_corpus,
    languages_are_labels,
    notes_on,
    texts_of,
)
from training.tickets.reading import read_tickets, without_text_notes


@dataclass(frozen=True)
class OwnMessages:
    """Messages to compare models on.

    Attributes:
        messages: The messages.
        train: Own messages that simple models learn from beside the corpus.
        name: What they are, for a person.
        languages_given: Whether their languages are labels, not what a model read.
        notes: What a reader should know of them, a sentence each.
    """

    messages: list[Message]
    train: list[Message]
    name: str
    languages_given: bool
    notes: tuple[str, ...]


def saved_test_messages(bundle: Path, run: Path | None) -> OwnMessages:
    """Return the test split that the training of a bundle kept out.

    Args:
        bundle: The bundle.
        run: Its run, or None to look for it in ``runs``.

    Raises:
        CorpusError: The run is not to be found.
    """
    folder, notes = _training_messages(bundle, run)
    if folder is None:
        raise CorpusError(
            f"the messages that {bundle} was trained with are not in runs/; name its run with --run, "
            "or other tickets with --data"
        )
    test = read_split(folder, "test")
    given = languages_are_labels(folder)
    return OwnMessages(test, read_split(folder, "train"), f"the test split in {folder}", given, notes)


def given_test_messages(bundle: Path, source: str, columns: Columns, run: Path | None) -> OwnMessages:
    """Read tickets to compare models on; those that the bundle learned, or a model before it, are left out.

    Args:
        bundle: The bundle.
        source: The tickets.
        columns: Which column of them holds what.
        run: The bundle's run, or None to look for it in ``runs``.

    Raises:
        CorpusError: ``run`` has no messages.
        TicketsError: The tickets cannot be read, or the bundle learned all of them.
    """
    folder, notes = _training_messages(bundle, run)
    own = [] if folder is None else [folder]
    tickets = read_tickets(source, columns)
    without_text = without_text_notes(len(tickets.without_text))
    messages, given = tickets.messages, tickets.languages_given
    manifest = read_manifest(bundle)
    found = find_learned(bundle, manifest, *own)
    # A model of the project has no own messages, but may have learned a corpus that is not here.
    missing = found.missing or ([] if own else [manifest["data"]["sha256"]])
    learned = found.texts() | texts_of(own, LEARNED)
    test = [message for message in messages if normalise(message.text) not in learned]
    if not test:
        raise TicketsError(
            f"the model learned all {len(messages):,} messages of {source}; leave --data out to "
            "take the test split that its training kept"
        )
    if left := len(messages) - len(test):
        count = f"{left:,} of {len(messages):,}"
        notes = (f"{count} messages are left out: this model learned them.", *notes)
    train = [message for corpus in own for message in read_split(corpus, "train")]
    notes = (*without_text, *notes, *notes_on(missing, "new model"))
    return OwnMessages(test, train, source, given, notes)


def known_to_others(messages: Sequence[Message], against: Path | None) -> Iterator[str]:
    """Yield a sentence on each model that learned some of the messages, so that it looks too good on them.

    Args:
        messages: The messages.
        against: The other model, or None for the released one.

    Raises:
        BundleError: The other model cannot be read.
    """
    if count := _count(messages, texts_of([CORPUS], LEARNED)):
        yield f"{count:,} of these messages are in the project's corpus: the released model knows them."
    if against is None:
        return
    learned = find_learned(against, read_manifest(against))
    yield from notes_on(learned.missing, "old model")
    if count := _count(messages, learned.texts()):
        yield f"{count:,} of these messages were learned by the old model: it looks better than it is."


def _training_messages(bundle: Path, run: Path | None) -> tuple[Path | None, tuple[str, ...]]:
    """Return where the messages lie that a bundle was trained with, and what to know of them."""
    manifest = read_manifest(bundle)
    if run is None:
        return find_own_corpus(bundle, manifest), ()
    folder = run / FOLDER
    if not folder.is_dir():
        raise CorpusError(
            f"{run} holds no messages of a training on own tickets; name another run with --run, "
            "or other tickets with --data"
        )
    if corpus_hash(folder) == manifest["data"]["sha256"]:
        return folder, ()
    return folder, (f"The new model was not trained in {run}: it may have learned some of these messages.",)


def _count(messages: Sequence[Message], texts: Set[str]) -> int:
    return sum(normalise(message.text) in texts for message in messages)
