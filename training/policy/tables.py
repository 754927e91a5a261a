"""The tables of the report on a chosen policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from escalate.policy import LANGUAGES, OUTPUTS
from training.formatting import ALL, ALL_LANGUAGES, LANGUAGE_NAMES, number, percent
from training.policy.expectations import CHOSEN

_THOUSAND: Final = 1000
_NAMES: Final = {ALL: ALL_LANGUAGES, **LANGUAGE_NAMES}

MEASURE_NAMES: Final = {
    "hand_offs": "hand-offs",
    "escalated": "of which escalated",
    "missed": "missed",
    "needless": "needless hand-offs",
    "recall": "recall",
    "cost": "costs",
}


def unit(numbers: Mapping[str, Any]) -> str:
    """Say what the expectations are for: 1,000 messages, or a day at the volume."""
    volume = numbers["volume"]
    return "per 1,000 messages" if volume is None else f"a day at {volume:,g} messages"


def threshold_rows(numbers: Mapping[str, Any]) -> list[list[str]]:
    """Return rows of thresholds, ``offer / escalate`` of every output: of all languages, then of each."""
    policy = numbers["policy"]
    pairs = {ALL: policy, **policy["languages"]}
    return [
        [
            "any other language" if language == ALL and len(pairs) > 1 else _NAMES[language],
            *(f"{number(pair['offer'][o])} / {number(pair['escalate'][o])}" for o in OUTPUTS),
        ]
        for language, pair in pairs.items()
    ]


def policy_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of what each policy is expected to do, in all languages together."""
    policies = numbers["expectations"][ALL]["policies"]
    heads = [head for name, head in MEASURE_NAMES.items() if name in policies[CHOSEN]]
    rows = [[name, *_cells(own, numbers)] for name, own in policies.items()]
    return ["policy", *heads], rows


def language_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return the heads and rows of what the chosen policy is expected to do in each language."""
    rows = []
    for language in (ALL, *LANGUAGES):
        if own := numbers["expectations"].get(language):
            shown = _cells(own["policies"][CHOSEN], numbers)
            rows.append([_NAMES[language], own["messages"], own["judged"], own["must"], *shown])
    heads, _ = policy_rows(numbers)
    return ["", "messages", "judged", "must reach a person", *heads[1:]], rows


def saving_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of what the chosen policy saves against the others."""
    savings = numbers["expectations"][ALL]["savings"]
    names = {"hand_offs": "hand-offs saved", "missed": "misses avoided", "cost": "costs saved"}
    shown = [name for name in names if name in next(iter(savings.values()))]
    rows = [
        [f"against {other}", *(_amount(own[name], _scale(numbers)) for name in shown)]
        for other, own in savings.items()
    ]
    return ["", *(names[name] for name in shown)], rows


def _cells(policy: Mapping[str, Any], numbers: Mapping[str, Any]) -> list[str]:
    return [
        _share(policy[name]) if name == "recall" else _amount(policy[name], _scale(numbers))
        for name in MEASURE_NAMES
        if name in policy
    ]


def _scale(numbers: Mapping[str, Any]) -> float:
    return float(numbers["volume"] or _THOUSAND)


def _amount(estimate: Mapping[str, Any], scale: float) -> str:
    """Return how many of ``scale`` messages, with the interval."""
    if estimate["value"] is None:
        return number(None)
    value, low, high = (estimate[name] * scale for name in ("value", "low", "high"))
    digits = 0 if max(abs(value), abs(low), abs(high)) >= 10 else 1
    to = "–" if low >= 0 else " to "
    return f"{value:,.{digits}f} ({low:,.{digits}f}{to}{high:,.{digits}f})"


def _share(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return number(None)
    return f"{percent(estimate['value'])} ({percent(estimate['low'])}–{percent(estimate['high'])})"
