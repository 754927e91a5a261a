"""Splits messages into train, validation and test so that nothing related crosses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from escalate.policy import OUTPUTS
from training.corpus.messages import SPLITS, Message, write_messages
from training.errors import CorpusError
from training.files import whole_folder

SHARES: Final = (0.8, 0.1, 0.1)
"""Share of the messages in train, validation and test."""

TRIALS: Final = 3000
"""How many random assignments a split is chosen from."""

PUBLIC_CHANNELS: Final = ("review", "social", "survey")
"""Channels written in public or to analysts; the others are written to support."""


def components(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the messages in sets that share a group, a pair or a situation with no other set."""
    keys = [
        [
            (kind, message.language, value)
            for kind in ("group", "pair", "situation")
            if (value := getattr(message, kind)) is not None
        ]
        for message in messages
    ]
    return [[messages[i] for i in places] for places in joined(keys)]


def joined(keys: Sequence[Sequence[Hashable]]) -> list[list[int]]:
    """Return the places in ``keys`` in sets that share a key with no other set.

    The sets and the places in them are in the order of ``keys``.
    """
    sets: DisjointSet = DisjointSet(range(len(keys)))
    first: dict[Hashable, int] = {}
    for place, own in enumerate(keys):
        for key in own:
            sets.merge(place, first.setdefault(key, place))
    return sorted(sorted(subset) for subset in sets.subsets())


def split(messages: Sequence[Message], seed: int, trials: int = TRIALS) -> dict[str, list[Message]]:
    """Split messages of one language 80/10/10 by group, pair and situation.

    Of many random assignments of whole components the one is taken whose splits resemble the whole
    most in labels, kind of channel and style.

    Args:
        messages: Messages of one language.
        seed: Seed of the assignments.
        trials: How many assignments to choose from.

    Returns:
        Messages by split, in their first order.
    """
    parts = components(messages)
    parts.sort(key=lambda part: part[0].id)
    profiles = np.array([_profile(part, messages) for part in parts], dtype=np.float64)
    sizes = profiles[:, 0]
    whole = profiles.sum(0)
    random = Random(seed)
    best: npt.NDArray[Any] = np.zeros(len(parts), dtype=int)
    best_score = np.inf
    for _ in range(trials):
        assignment = _assign(sizes, random)
        score = 0.0
        for index, share in ((1, SHARES[1]), (2, SHARES[2])):
            expected = whole * share
            found = profiles[assignment == index].sum(0)
            score += float((((found - expected) ** 2) / np.maximum(expected, 1)).sum())
        if score < best_score:
            best, best_score = assignment, score
    chosen = {
        message.id: SPLITS[index]
        for part, index in zip(parts, best.tolist(), strict=True)
        for message in part
    }
    return {name: [m for m in messages if chosen[m.id] == name] for name in SPLITS}


def write_splits(messages: Sequence[Message], folder: Path, seed: int) -> None:
    """Split messages of any languages and write them as a corpus.

    Raises:
        CorpusError: The folder exists already, or a language has too few messages or groups to split.
    """
    if folder.exists():
        raise CorpusError(f"{folder} exists; choose a new folder, so that no corpus is overwritten")
    splits: dict[str, dict[str, list[Message]]] = {}
    for language in sorted({message.language for message in messages}):
        own = [message for message in messages if message.language == language]
        splits[language] = split(own, seed)
        if empty := [name for name, part in splits[language].items() if not part]:
            raise CorpusError(
                f"{language}: {len(own):,} messages in {len(components(own)):,} groups leave "
                f"{' and '.join(empty)} empty, nothing was written; add messages of other groups, or leave "
                "the language out"
            )
    with whole_folder(folder) as temporary:
        for language, parts in splits.items():
            for name, part in parts.items():
                write_messages(temporary / name / f"{language}.jsonl", part)


def _assign(sizes: npt.NDArray[Any], random: Random) -> npt.NDArray[Any]:
    order = list(range(len(sizes)))
    random.shuffle(order)
    assignment = np.zeros(len(sizes), dtype=int)
    for index in (1, 2):
        target = sizes.sum() * SHARES[index]
        filled = 0.0
        for i in order:
            if assignment[i] == 0 and filled + sizes[i] <= target * 1.03:
                assignment[i] = index
                filled += sizes[i]
    return assignment


def _profile(part: Sequence[Message], messages: Sequence[Message]) -> list[int]:
    """Count the messages of a component: all, by labels, by kind of channel, by common style."""
    styles = [style for style, _ in Counter(m.style for m in messages).most_common(12)]
    public = [m.channel in PUBLIC_CHANNELS for m in part]
    counts = [len(part), sum(public)]
    for output in OUTPUTS:
        counts += [sum(m.label(output) == value for m in part) for value in (0, 1)]
    counts.append(sum(m.complexity == 0 and m.negative_sentiment == 1 for m in part))
    return counts + [sum(m.style == style for m in part) for style in styles]
