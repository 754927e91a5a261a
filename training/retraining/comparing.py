"""``python -m training evaluate`` on own messages: a new model beside the released one and simple ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy.typing as npt

from escalate import Classifier
from escalate.bundle import released_bundle
from escalate.policy import LANGUAGES, OUTPUTS
from escalate.text import normalise
from training.corpus.messages import CORPUS, Message, read_split
from training.errors import CorpusError, TicketsError
from training.evaluation.answers import Answers, answer, evaluate
from training.evaluation.baselines import BASELINES, MOST_LEARNED
from training.evaluation.metrics import by_language
from training.evaluation.resampling import SEED
from training.evaluation.tables import OUTPUT_NAMES
from training.release.comparison import guesses
from training.retraining.mixing import without
from training.retraining.verdict import Finding, beside_simple, judge, verdict
from training.tickets.columns import Columns
from training.tickets.own_corpus import FOLDER, find_own_corpus
from training.tickets.reading import read_tickets

NEW: Final = "new model"
OLD: Final = "old model"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OwnMessages:
    """Messages to compare models on.

    Attributes:
        messages: The messages.
        train: Own messages that simple models learn from beside the corpus.
        name: What they are, for a person.
        notes: What a reader should know of them, a sentence each.
    """

    messages: list[Message]
    train: list[Message]
    name: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """A comparison on own messages.

    Attributes:
        test: The messages.
        versions: Of the new and of the old model.
        sentences: The verdict.
        findings: The new model beside the old one.
        simple: The new model beside simple models, by their names.
        metrics: By model, metrics per language.
        operations: By model, how the border works in service.
    """

    test: OwnMessages
    versions: tuple[str, str]
    sentences: tuple[str, ...]
    findings: Sequence[Finding]
    simple: Mapping[str, Sequence[Finding]]
    metrics: Mapping[str, Mapping[str, Any]]
    operations: Mapping[str, Mapping[str, Any]]


def saved_test_messages(bundle: Path, run: Path | None) -> OwnMessages:
    """Return the test split that the training of a bundle kept out.

    Args:
        bundle: The bundle.
        run: Its run, or None to look for it in ``runs``.

    Raises:
        CorpusError: The run is not to be found.
    """
    manifest = Classifier.load(bundle).manifest
    folder = run / FOLDER if run is not None else find_own_corpus(bundle, manifest)
    if folder is None:
        raise CorpusError(
            f"the messages that {bundle} was trained with are not in runs/; name its run with --run, "
            "or other tickets with --data"
        )
    test = read_split(folder, "test")
    return OwnMessages(test, read_split(folder, "train"), f"the test split in {folder}", _seen(test))


def given_test_messages(bundle: Path, source: str, columns: Columns, run: Path | None) -> OwnMessages:
    """Read tickets to compare models on; those that the bundle learned are left out.

    Raises:
        TicketsError: They cannot be read, or the bundle learned all of them.
    """
    tickets = read_tickets(source, columns)
    folder = run / FOLDER if run is not None else find_own_corpus(bundle, Classifier.load(bundle).manifest)
    if folder is None:
        note = "The training messages of this model are not to be found: it may have learned some of these."
        return OwnMessages(list(tickets.messages), [], source, (note, *_seen(tickets.messages)))
    learned = {split: read_split(folder, split) for split in ("train", "validation")}
    texts = {normalise(message.text) for messages in learned.values() for message in messages}
    test = [message for message in tickets.messages if normalise(message.text) not in texts]
    if not test:
        raise TicketsError(
            f"the model learned all {len(tickets.messages):,} messages of {source}; leave --data out to "
            "take the test split that its training kept"
        )
    notes = _seen(test)
    if left := len(tickets.messages) - len(test):
        count = f"{left:,} of {len(tickets.messages):,}"
        notes = (f"{count} messages are left out: this model learned them.", *notes)
    return OwnMessages(test, learned["train"], source, notes)


def _seen(messages: Sequence[Message]) -> tuple[str, ...]:
    """Say how many messages the released model learned; where it is measured it then looks too good."""
    texts = {normalise(m.text) for split in ("train", "validation") for m in read_split(CORPUS, split)}
    count = sum(normalise(message.text) in texts for message in messages)
    if not count:
        return ()
    return (f"{count:,} of these messages are in the project's corpus: the released model knows them.",)


def compare_on_own(
    bundle: Path, test: OwnMessages, against: Path | None = None, corpus: Path = CORPUS, seed: int = SEED
) -> Result:
    """Compare a bundle with another and with simple models on own messages.

    Args:
        bundle: The new model.
        test: The messages.
        against: The other model, or None for the released one.
        corpus: What simple models learn beside the own train messages.
        seed: Seed of the bootstrap.

    Raises:
        BundleError: A bundle cannot be loaded.
        CorpusError: No message is in one of the four languages and labelled.
    """
    judged = [m for m in test.messages if m.language in LANGUAGES and _labelled(m)]
    if not judged:
        raise CorpusError(f"nothing to compare: no labelled message in {test.name}")
    new, other = Classifier.load(bundle), Classifier.load(against or released_bundle())
    ours, theirs = answer(new, judged), answer(other, judged)
    findings = judge(judged, ours.labels, ours.probabilities, theirs.probabilities, seed)
    learned = _learned_by_simple([*test.train, *without(read_split(corpus, "train"), judged)], seed)
    answers = {name: baseline(learned, judged) for name, baseline in BASELINES.items()}
    simple = {
        name: judge(judged, ours.labels, ours.probabilities, probabilities, seed)
        for name, probabilities in answers.items()
    }
    measured = {NEW: evaluate(ours), OLD: evaluate(theirs)}
    metrics = {
        **{name: values["languages"] for name, values in measured.items()},
        **{name: by_language(judged, probabilities, ours.labels) for name, probabilities in answers.items()},
    }
    return Result(
        test=test,
        versions=(new.version, other.version),
        sentences=(
            *verdict(findings),
            *_guessing(ours, [theirs.probabilities, *answers.values()]),
            *beside_simple(simple),
        ),
        findings=findings,
        simple=simple,
        metrics=metrics,
        operations={name: values["operation"] for name, values in measured.items()},
    )


def _learned_by_simple(messages: Sequence[Message], seed: int) -> list[Message]:
    judged = [message for message in messages if message.language in LANGUAGES]
    return Random(seed).sample(judged, MOST_LEARNED) if len(judged) > MOST_LEARNED else judged


def _labelled(message: Message) -> bool:
    return any(message.label(output) is not None for output in OUTPUTS)


def _guessing(answers: Answers, others: Sequence[Array]) -> list[str]:
    """Return a sentence for each output that the new model tells no better than chance."""
    sentences = []
    for i, output in enumerate(OUTPUTS):
        labels = answers.labels[:, i]
        if not guesses(labels, answers.probabilities[:, i]):
            continue
        name = OUTPUT_NAMES[output]
        if all(guesses(labels, probabilities[:, i]) for probabilities in others):
            sentences.append(f"No model tells {name} better than chance on these messages: check its labels.")
        else:
            sentences.append(f"The new model tells {name} no better than chance, others do: do not use it.")
    return sentences
