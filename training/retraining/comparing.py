"""``python -m training evaluate`` on own messages: a new model beside the released one and simple ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy.typing as npt

from escalate import Classifier
from escalate.bundle import released_bundle
from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import CORPUS, Message, read_split
from training.errors import CorpusError
from training.evaluation.answers import answer, evaluate
from training.evaluation.baselines import BASELINES, MOST_LEARNED
from training.evaluation.metrics import by_language
from training.evaluation.resampling import SEED
from training.release.own_messages import OwnMessages, known_to_others
from training.retraining.findings import Finding, judge
from training.retraining.mixing import at_most, without
from training.retraining.verdict import beside_simple, guessing, verdict

NEW: Final = "new model"
OLD: Final = "old model"

Array = npt.NDArray[Any]


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


def compare_on_own(
    bundle: Path, test: OwnMessages, against: Path | None = None, corpus: Path = CORPUS
) -> Result:
    """Compare a bundle with another and with simple models on own messages.

    Args:
        bundle: The new model.
        test: The messages; those without a label or in none of the four languages are left out.
        against: The other model, or None for the released one.
        corpus: What simple models learn beside the own train messages.

    Raises:
        BundleError: A bundle cannot be loaded.
        CorpusError: No message is in one of the four languages and labelled.
    """
    judged = [m for m in test.messages if m.language in LANGUAGES and _labelled(m)]
    if not judged:
        raise CorpusError(f"nothing to compare: no labelled message in {test.name}")
    new, old = Classifier.load(bundle), Classifier.load(against or released_bundle())
    ours, theirs = answer(new, judged), answer(old, judged)
    simple = _simple_answers([*test.train, *without(read_split(corpus, "train"), judged)], judged)

    def beside(others: Array) -> list[Finding]:
        return judge(judged, ours.labels, ours.probabilities, others)

    findings = beside(theirs.probabilities)
    beside_each = {name: beside(others) for name, others in simple.items()}
    measured = {NEW: evaluate(ours), OLD: evaluate(theirs)}
    return Result(
        test=replace(test, messages=judged, notes=(*test.notes, *known_to_others(judged, against))),
        versions=(new.version, old.version),
        sentences=(
            *verdict(findings),
            *guessing(ours.labels, ours.probabilities, [theirs.probabilities, *simple.values()]),
            *beside_simple(beside_each),
        ),
        findings=findings,
        simple=beside_each,
        metrics={
            **{name: values["languages"] for name, values in measured.items()},
            **{name: by_language(judged, others, ours.labels) for name, others in simple.items()},
        },
        operations={name: values["operation"] for name, values in measured.items()},
    )


def _labelled(message: Message) -> bool:
    return any(message.label(output) is not None for output in OUTPUTS)


def _simple_answers(train: Sequence[Message], test: Sequence[Message]) -> dict[str, Array]:
    """Return the probabilities of simple models, shape (test, 3), by their names."""
    judged = [message for message in train if message.language in LANGUAGES]
    learned = at_most(judged, MOST_LEARNED, Random(SEED))
    return {name: baseline(learned, test) for name, baseline in BASELINES.items()}
