"""Numbers about a corpus: what ``validate`` judges and the datasheet shows.

Shares are 0..1; a number that cannot be computed (no messages, one label only) is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from escalate.text import normalise
from training.corpus.messages import Message
from training.corpus.splitting import PUBLIC_CHANNELS

_TREE_LEAF: Final = 40
_TREE_FOLDS: Final = 5

Numbers = Mapping[str, Mapping[str, Any]]
"""Numbers by language and name, ready for JSON."""

QUADRANTS: Final[Mapping[str, tuple[int, int]]] = {
    "neither": (0, 0),
    "negative_only": (0, 1),
    "complex_only": (1, 0),
    "both": (1, 1),
}
"""Complexity and negative sentiment of the four kinds of tickets."""

LABEL_SHARES: Final[Mapping[str, str]] = {
    "neither": "simple, not negative",
    "negative_only": "simple, negative",
    "complex_only": "complex, not negative",
    "both": "complex, negative",
    "human_requested": "human requested",
}
"""Shares of labels among the tickets, and what readers call them."""

SHORT: Final = 8
"""Messages of fewer words are short."""

LONG: Final = 35
"""Messages of more words are long."""

LENGTH_SHARES: Final[Mapping[str, str]] = {
    "short": f"under {SHORT} words",
    "medium": f"{SHORT} to {LONG} words",
    "long": f"over {LONG} words",
}
"""Shares of lengths among the messages, and what readers call them."""

LENGTH_OUTPUTS: Final = ("complexity", "negative_sentiment")
"""The outputs that must not follow from the length of a message."""

_PUNCTUATION: Final = ".,;:!?…()[]{}\"'«»„“”‘’*-–—/\\،؛؟׳״"


def words(text: str) -> int:
    """Return the number of words of a text."""
    return len(text.split())


def by_language(messages: Iterable[Message]) -> dict[str, list[Message]]:
    """Return the messages of each language there is, in the order of ``LANGUAGE_CLASSES``."""
    messages = list(messages)
    languages = {message.language for message in messages}
    return {
        language: [m for m in messages if m.language == language]
        for language in LANGUAGE_CLASSES
        if language in languages
    }


def is_public(message: Message) -> bool:
    """Tell whether a message is public; the others are tickets."""
    return message.channel in PUBLIC_CHANNELS


def balance(messages: Sequence[Message]) -> dict[str, Any]:
    """Return the shares of labels among the tickets, of public messages and of lengths."""
    tickets = [message for message in messages if not is_public(message)]
    quadrants = [
        (m.complexity, m.negative_sentiment)
        for m in tickets
        if m.complexity is not None and m.negative_sentiment is not None
    ]
    human = [m.human_requested for m in tickets if m.human_requested is not None]
    lengths = [words(message.text) for message in messages]
    return {
        "tickets": len(tickets),
        **{name: _share(quadrants.count(labels), len(quadrants)) for name, labels in QUADRANTS.items()},
        "human_requested": _share(sum(human), len(human)),
        "public": _share(len(messages) - len(tickets), len(messages)),
        "short": _share(sum(n < SHORT for n in lengths), len(lengths)),
        "medium": _share(sum(SHORT <= n <= LONG for n in lengths), len(lengths)),
        "long": _share(sum(n > LONG for n in lengths), len(lengths)),
    }


def sizes(splits: Mapping[str, Sequence[Message]]) -> dict[str, Any]:
    """Return how many messages, pairs, groups and situations one language has.

    Args:
        splits: Messages of one language by split.
    """
    messages = [message for part in splits.values() for message in part]
    return {
        "messages": len(messages),
        **{name: len(part) for name, part in splits.items()},
        **{f"{name}_share": _share(len(part), len(messages)) for name, part in splits.items()},
        "pairs": _distinct(message.pair for message in messages),
        "groups": _distinct(message.group for message in messages),
        "situations": _distinct(message.situation for message in messages),
        "domains": _distinct(message.domain for message in messages),
        "styles": _distinct(message.style for message in messages),
    }


def length_auc(messages: Sequence[Message], output: str) -> float | None:
    """Return how well the number of words alone tells a label, as area under the ROC curve.

    The larger of two: of the number itself, where short messages may give a label away as well as
    long ones, and of a cross-validated decision tree, which also finds lengths in the middle that do.
    """
    known = [(words(m.text), m.label(output)) for m in messages if m.label(output) is not None]
    lengths = np.array([length for length, _ in known])
    labels = np.array([label for _, label in known])
    if len(set(labels.tolist())) < 2:
        return None
    area = float(roc_auc_score(labels, lengths))
    area = max(area, 1 - area)
    if fewest_of_a_label(messages, output) < _TREE_FOLDS * _TREE_LEAF:
        return area
    tree = DecisionTreeClassifier(min_samples_leaf=_TREE_LEAF, random_state=0)
    guesses = cross_val_predict(tree, lengths[:, None], labels, cv=_TREE_FOLDS, method="predict_proba")
    return max(area, float(roc_auc_score(labels, guesses[:, 1])))


def fewest_of_a_label(messages: Iterable[Message], output: str) -> int:
    """Return how many messages have the rarer label of an output."""
    counts = Counter(message.label(output) for message in messages)
    return min(counts[0], counts[1])


def second_labelled(message: Message) -> bool:
    """Tell whether an independent annotator labelled a message in full."""
    return all(message.label(f"second_{output}") is not None for output in OUTPUTS)


def kappa(messages: Iterable[Message], output: str) -> float | None:
    """Return Cohen's kappa between the labels and the independent annotator's."""
    both = [(m.label(output), m.label(f"second_{output}")) for m in messages]
    known = [(first, second) for first, second in both if first is not None and second is not None]
    if len({label for labels in known for label in labels}) < 2:
        return None
    return float(cohen_kappa_score(*zip(*known, strict=True)))


def distinct_ngrams(messages: Iterable[Message], length: int = 4) -> float | None:
    """Return the number of different runs of words over the number of all runs."""
    runs: Counter[tuple[str, ...]] = Counter()
    for message in messages:
        parts = normalise(message.text).split()
        runs.update(tuple(parts[i : i + length]) for i in range(len(parts) - length + 1))
    return _share(len(runs), runs.total())


def beginnings(messages: Iterable[Message]) -> Counter[str]:
    """Count the first two words of messages that have two, without case and punctuation."""
    counts: Counter[str] = Counter()
    for message in messages:
        parts = [part for word in normalise(message.text).split() if (part := word.strip(_PUNCTUATION))]
        if len(parts) >= 2:
            counts[" ".join(parts[:2])] += 1
    return counts


def shares(values: Iterable[str | None]) -> dict[str, float]:
    """Return the share of each value that is there, the commonest first."""
    counts = Counter(value for value in values if value is not None)
    # By name where counts are equal, so that the order of the messages does not matter.
    return {value: n / counts.total() for value, n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))}


def _distinct(values: Iterable[str | None]) -> int:
    return len(set(values) - {None})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
