"""What a policy is expected to do: hand-offs, misses, costs and savings, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from escalate.policy import LANGUAGES, OUTPUTS, Policy
from escalate.prediction import Prediction
from training.corpus.messages import Message
from training.evaluation.answers import Answers
from training.evaluation.resampling import MINIMUM_GROUPS, SEED, Measure, Resampling, group_of
from training.formatting import ALL
from training.policy.aims import Costs
from training.policy.choosing import Wish, choose
from training.policy.needs import languages_of, must_reach

Array = npt.NDArray[Any]

FOLDS: Final = 5

CHOSEN: Final = "chosen"
DEFAULT: Final = "bundle's default"
EVERYTHING: Final = "everything to a person"
NOTHING: Final = "nothing to a person"

# What came of every message; a column each.
_ALL, _HANDED, _ESCALATED, _JUDGED, _MUST, _MISSED, _NEEDLESS = range(7)


def _share(part: int, of: int) -> Measure:
    """Return the measure that divides one sum by another; NaN where that is 0."""

    def measure(sums: Array) -> Array:
        total = sums[..., of]
        return np.divide(sums[..., part], total, out=np.full_like(total, np.nan), where=total > 0)

    return measure


def _reached(sums: Array) -> Array:
    recall: Array = 1 - _share(_MISSED, _MUST)(sums)
    return recall


@dataclass(frozen=True)
class _Cost:
    """The costs per judged message."""

    costs: Costs

    def __call__(self, sums: Array) -> Array:
        missed, needless = _share(_MISSED, _JUDGED)(sums), _share(_NEEDLESS, _JUDGED)(sums)
        cost: Array = self.costs.missed * missed + self.costs.hand_off * needless
        return cost


MEASURES: Final[Mapping[str, Measure]] = {
    "hand_offs": _share(_HANDED, _ALL),
    "escalated": _share(_ESCALATED, _ALL),
    "missed": _share(_MISSED, _JUDGED),
    "needless": _share(_NEEDLESS, _JUDGED),
    "recall": _reached,
}
"""Shares, 0..1: handed over (offered or escalated) and escalated, of all messages; missed and handed
over without need, of the judged ones; reached, of those that must reach a person."""


def actions_of(policy: Policy, predictions: Sequence[Prediction]) -> Array:
    """Return what a policy does with messages that were answered before."""
    return np.array(
        [
            policy.decide(
                {output: getattr(p, output) for output in OUTPUTS}, p.language, truncated=p.truncated
            ).action
            for p in predictions
        ],
        dtype=object,
    )


def cross_validated_actions(answers: Answers, wish: Wish, seed: int = SEED) -> Array:
    """Return the actions of policies that were each chosen without the messages they judge.

    Messages of one group are left out together.

    Args:
        answers: What the classifier answered about labelled messages.
        wish: What is wished of the policies.
        seed: Seed of the folds.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    must = np.nan_to_num(must_reach(answers.labels))
    actions = np.empty(len(must), dtype=object)
    for others, rows in folds.split(must, must, _groups(answers.messages)):
        policy = choose(part_of(answers, others), wish).policy
        actions[rows] = actions_of(policy, [answers.predictions[row] for row in rows])
    return actions


def _groups(messages: Sequence[Message]) -> list[str]:
    """Return the group of each message; its own place where there are too few groups to go by."""
    groups = [group_of(message) for message in messages]
    if len(set(groups)) < MINIMUM_GROUPS:
        return [str(place) for place in range(len(messages))]
    return groups


def part_of(answers: Answers, rows: Array) -> Answers:
    """Return the answers about some messages."""
    return Answers(
        [answers.messages[row] for row in rows],
        answers.labels[rows],
        [answers.predictions[row] for row in rows],
        answers.probabilities[rows],
    )


def expect(
    answers: Answers, actions: Mapping[str, Array], costs: Costs | None, seed: int = SEED
) -> dict[str, Any]:
    """Return what policies do, and what the first saves against the others, as JSON-ready data.

    Args:
        answers: What the classifier answered about labelled messages.
        actions: The actions of each policy, by its name; CHOSEN first.
        costs: Adds the measure ``cost``, per judged message.
        seed: Seed of the bootstrap.

    Returns:
        For ALL and each language that is read: ``messages``, ``judged``, ``must``, ``groups`` (what
        the intervals draw, None for messages), ``policies``: for each of ``actions`` and of MEASURES
        an estimate; and ``savings``: for each of the other policies ``hand_offs``, ``missed``, and
        ``cost``, how much less of it the chosen policy has.
    """
    must = must_reach(answers.labels)
    found = {name: _outcomes(own, must) for name, own in actions.items()}
    measures: dict[str, Measure] = {**MEASURES, **({"cost": _Cost(costs)} if costs else {})}
    languages = languages_of(answers.predictions)
    parts = {ALL: np.arange(len(must)), **{name: np.flatnonzero(languages == name) for name in LANGUAGES}}
    result = {}
    for language, rows in parts.items():
        if not len(rows):
            continue
        resampling = Resampling([answers.messages[row] for row in rows.tolist()], seed)
        own = {name: outcomes[rows] for name, outcomes in found.items()}
        result[language] = {
            "messages": len(rows),
            "judged": int((~np.isnan(must[rows])).sum()),
            "must": int((must[rows] == 1).sum()),
            "groups": resampling.groups,
            "policies": {
                name: {
                    key: resampling.estimate(measure, outcomes).to_dict() for key, measure in measures.items()
                }
                for name, outcomes in own.items()
            },
            "savings": {
                name: {
                    key: resampling.difference(measures[key], outcomes, own[CHOSEN]).to_dict()
                    for key in ("hand_offs", "missed", "cost")
                    if key in measures
                }
                for name, outcomes in own.items()
                if name != CHOSEN
            },
        }
    return result


def measure_once(answers: Answers, actions: Array) -> dict[str, float]:
    """Return MEASURES of the actions of one policy on all messages, without intervals."""
    sums = _outcomes(actions, must_reach(answers.labels)).sum(0)
    return {name: float(measure(sums)) for name, measure in MEASURES.items()}


def _outcomes(actions: Array, must: Array) -> Array:
    """Return what came of every message, shape (messages, 7)."""
    handed = actions != "continue"
    columns = [
        np.ones(len(must), dtype=bool),
        handed,
        actions == "escalate",
        ~np.isnan(must),
        must == 1,
        ~handed & (must == 1),
        handed & (must == 0),
    ]
    return np.stack(columns, axis=1).astype(np.float64)
