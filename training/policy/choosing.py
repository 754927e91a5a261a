"""Chooses the thresholds of a policy from labelled messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from escalate.policy import LANGUAGES, OUTPUTS, Policy, Thresholds
from training.corpus.labels import MINIMUM_PER_CLASS, enough_per_class
from training.errors import AimError
from training.evaluation.answers import Answers
from training.formatting import ALL, LANGUAGE_NAMES
from training.policy.aims import Aim
from training.policy.default_policy import precise
from training.policy.needs import HIGHEST_HUMAN, HUMAN, Needs, languages_of, needs_of

Array = npt.NDArray[Any]

FEWEST: Final = MINIMUM_PER_CLASS
"""A threshold is chosen from this many messages that must reach a person, and as many others, on."""


@dataclass(frozen=True)
class Wish:
    """What is wished of a policy.

    Attributes:
        aim: What the ``offer`` thresholds are chosen by.
        precision: What each output's ``escalate`` threshold holds (0..1).
        per_language: Whether each language gets thresholds of its own.
        default: The policy of the bundle; it says what happens to text the model cannot judge, and
            gives the ``escalate`` threshold of an output that has too few labels.
    """

    aim: Aim
    precision: float
    per_language: bool
    default: Policy


@dataclass(frozen=True)
class Choice:
    """A chosen policy.

    Attributes:
        policy: The policy.
        offers: The common ``offer`` threshold, by language where it has its own, and for ALL.
        too_few: Languages that were to have their own thresholds but have too few labelled messages.
    """

    policy: Policy
    offers: Mapping[str, float]
    too_few: tuple[str, ...]

    def offer(self, language: str) -> float:
        """Return the common ``offer`` threshold of a language."""
        return self.offers.get(language, self.offers[ALL])


def refuse_few(needs: Needs, source: str) -> None:
    """Stop where there are too few labelled messages to choose from.

    Raises:
        AimError: Fewer than FEWEST messages must reach a person, or need not.
    """
    counts = {"must": (needs.must == 1).sum(), "need not": (needs.must == 0).sum()}
    for word, count in counts.items():
        if count < FEWEST:
            raise AimError(
                f"{source} has {count} fully labelled messages that {word} reach a person; "
                f"at least {FEWEST} are needed to choose thresholds: label more, or leave out the column of "
                "an output with few labels"
            )


def choose(answers: Answers, wish: Wish) -> Choice:
    """Choose a policy; an aim out of reach is come as near to as can be.

    Args:
        answers: What the classifier answered about labelled messages.
        wish: What is wished.
    """
    needs = needs_of(answers, wish.default.unsupported)
    offers = {ALL: wish.aim.threshold(needs)}
    own, too_few = _languages(needs, wish)
    aim = _aim_of(own, needs, wish.aim)
    offers |= {language: aim.threshold(part) for language, part in own.items()}
    thresholds = {
        language: _pair(answers, offer, wish, None if language == ALL else language)
        for language, offer in offers.items()
    }
    policy = Policy(*thresholds.pop(ALL), languages=thresholds, unsupported=wish.default.unsupported)
    return Choice(policy, offers, too_few)


def check_aim(needs: Needs, wish: Wish) -> None:
    """Stop where an aim is out of reach.

    Raises:
        AimError: It is, for all messages or in a language that is to have its own thresholds.
    """
    wish.aim.check(needs)
    own, _ = _languages(needs, wish)
    aim = _aim_of(own, needs, wish.aim)
    for language, part in own.items():
        try:
            aim.check(part)
        except AimError as error:
            raise AimError(f"{LANGUAGE_NAMES[language]}: {error}, or leave out --per-language") from None


def _languages(needs: Needs, wish: Wish) -> tuple[dict[str, Needs], tuple[str, ...]]:
    """Return the languages that get thresholds of their own, and those that have too few messages for it."""
    if not wish.per_language:
        return {}, ()
    parts = {language: needs.part(needs.languages == language) for language in LANGUAGES}
    own = {language: part for language, part in parts.items() if enough_per_class(part.must)}
    return own, tuple(language for language, part in parts.items() if len(part.need) and language not in own)


def _aim_of(own: Mapping[str, Needs], needs: Needs, aim: Aim) -> Aim:
    """Return the aim of each language that gets thresholds of its own."""
    if not own:
        return aim
    rest = needs.part(~np.isin(needs.languages, list(own)))
    return aim.beside(rest, aim.threshold(needs), len(needs.need))


def _pair(answers: Answers, offer: float, wish: Wish, language: str | None) -> tuple[Thresholds, Thresholds]:
    """Return the thresholds ``offer`` and ``escalate`` of one language, or of all for None.

    An output with too few labels keeps the ``escalate`` threshold of the default policy.
    """
    if language is None:
        rows = np.isin(languages_of(answers.predictions), LANGUAGES)
        default = wish.default.escalate
    else:
        rows = languages_of(answers.predictions) == language
        default = wish.default.languages.get(language, (wish.default.offer, wish.default.escalate))[1]
    offers, escalates = [], []
    for i, output in enumerate(OUTPUTS):
        own = min(offer, HIGHEST_HUMAN) if i == HUMAN else offer
        probabilities, labels = answers.probabilities[rows, i], answers.labels[rows, i]
        if enough_per_class(labels):
            level = precise(probabilities, labels, wish.precision)
        else:
            level = getattr(default, output)
        offers.append(own)
        escalates.append(None if level is None else max(level, own))
    return Thresholds(*offers), Thresholds(*escalates)
