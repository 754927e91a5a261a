"""``python -m training thresholds``: a policy from costs, from a capacity or from a recall to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from escalate import Classifier
from escalate.bundle import released_bundle
from escalate.policy import ACTIONS, Policy
from escalate.text import normalise
from escalate.version import __version__
from training.corpus.messages import CORPUS, Message, corpus_hash, read_split
from training.errors import CorpusError
from training.evaluation.answers import answer
from training.evaluation.resampling import CONFIDENCE, RESAMPLES, SEED
from training.files import without_nan
from training.policy.aims import Aim, Costs
from training.policy.choosing import Wish, check_aim, choose, refuse_few
from training.policy.expectations import (
    CHOSEN,
    DEFAULT,
    EVERYTHING,
    FOLDS,
    NOTHING,
    actions_of,
    cross_validated_actions,
    expect,
    measure_once,
)
from training.policy.figures import draw
from training.policy.needs import labelled_outputs, needs_of
from training.tickets.own_corpus import find_learned, find_own_corpus, texts_of

SPLIT: Final = "validation"
"""The split of a corpus that thresholds are chosen on; the test split stays for measuring."""


@dataclass(frozen=True)
class Source:
    """The labelled messages that a policy is chosen on.

    Attributes:
        name: What they are, for people.
        messages: The messages.
        corpus: SHA-256 of the corpus they are a split of; None for own tickets.
    """

    name: str
    messages: Sequence[Message]
    corpus: str | None = None


@dataclass(frozen=True)
class Result:
    """A chosen policy and everything that is known of it.

    Attributes:
        policy: The policy.
        numbers: JSON-ready data of the report; ``expectations`` is from ``training.policy.expectations``.
        figures: The figures by file name.
    """

    policy: Policy
    numbers: dict[str, Any]
    figures: dict[str, Any] = field(repr=False)


def split_of(corpus: Path) -> Source:
    """Return the validation split of a corpus.

    Raises:
        CorpusError: The corpus cannot be read.
    """
    return Source(f"{SPLIT} split of {corpus}", read_split(corpus, SPLIT), corpus_hash(corpus))


def pick_policy(
    source: Source,
    model: Path | None,
    aim: Aim,
    precision: float,
    *,
    per_language: bool,
    volume: float | None = None,
    corpus: Path = CORPUS,
    seed: int = SEED,
) -> Result:
    """Choose a policy for a bundle and work out what it is expected to do.

    Args:
        source: Labelled messages.
        model: The bundle; None for the released one.
        aim: What the ``offer`` thresholds are chosen by.
        precision: What each output's ``escalate`` threshold holds (0..1).
        per_language: Whether each language gets thresholds of its own.
        volume: Messages a day that expectations are given for; None for 1,000 messages.
        corpus: The corpus the model may have been trained on, to point out messages that are in it;
            so are those of the runs that made the model, where they are in ``runs``.
        seed: Seed of the folds and of the bootstrap.

    Raises:
        AimError: There are too few labelled messages, or the aim is out of reach.
        BundleError: The bundle cannot be loaded.
    """
    bundle = model or released_bundle()
    classifier = Classifier.load(bundle)
    if not source.messages:
        raise CorpusError(f"nothing to choose from: {source.name} has no messages")
    answers = answer(classifier, source.messages)
    wish = Wish(aim, precision, per_language, classifier.policy)
    learned = find_learned(bundle, classifier.manifest, corpus)
    own = find_own_corpus(bundle, classifier.manifest)
    needs = needs_of(answers, wish.default.unsupported)
    refuse_few(needs, source.name)
    check_aim(needs, wish)
    choice = choose(answers, wish)
    default = actions_of(wish.default, answers.predictions)
    actions = {
        CHOSEN: cross_validated_actions(answers, wish, seed),
        DEFAULT: default,
        EVERYTHING: np.full(len(default), ACTIONS[1], dtype=object),
        NOTHING: np.full(len(default), ACTIONS[0], dtype=object),
    }
    numbers = {
        "escalate": __version__,
        "model": {"version": classifier.version, "sha256": dict(classifier.manifest["sha256"])},
        "data": {
            "name": source.name,
            "messages": len(source.messages),
            "judged": int((~np.isnan(needs.must)).sum()),
            "outputs": list(labelled_outputs(answers.labels)),
            "in_train_split": _in_train_split(source, corpus, own, *learned.folders),
            "not_found": list(learned.missing),
            "calibrated_on": source.corpus in _calibrated_on(classifier.manifest["data"]),
        },
        "aim": aim.describe(),
        "in_theory": aim.in_theory if isinstance(aim, Costs) else None,
        "escalate_precision": precision,
        "per_language": per_language,
        "too_few": list(choice.too_few),
        "thresholds": dict(choice.offers),
        "policy": choice.policy.to_dict(),
        "default_policy": wish.default.to_dict(),
        "volume": volume,
        "folds": FOLDS,
        "seed": seed,
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "expectations": expect(answers, actions, aim if isinstance(aim, Costs) else None, seed),
        # With the very messages that it was chosen on: too favourable.
        "apparent": measure_once(answers, actions_of(choice.policy, answers.predictions)),
    }
    return Result(choice.policy, without_nan(numbers), draw(needs, choice, wish, default))


def _calibrated_on(data: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 of every corpus whose validation split a model may be calibrated on."""
    corpora = [part["sha256"] for part in (data, data.get("corpus")) if part]
    # A model trained on own messages alone may be calibrated with a corpus that it did not learn.
    return [*corpora, data.get("calibration_corpus", data["sha256"])]


def _in_train_split(source: Source, *corpora: Path | None) -> int:
    """Return how many of the messages some corpus has for training."""
    folders = {corpus.resolve() for corpus in corpora if corpus is not None}
    known = texts_of([folder for folder in folders if (folder / "train").is_dir()], ["train"])
    return sum(normalise(message.text) in known for message in source.messages)
