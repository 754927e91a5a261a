"""Texts that are nearly the same: MinHash and locality-sensitive hashing, verified exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scipy.cluster.hierarchy import DisjointSet

JACCARD: Final = 0.7
"""Texts that share at least this much of their shingles are near duplicates."""

SHORTEST: Final = 15
"""Shorter texts, in characters, share most shingles by chance; they are compared for equality only."""

_SHINGLE: Final = 5
# 40 bands of 3 rows miss a pair at the limit with probability 5e-8; the false candidates that so wide a
# net brings are cheap, because every candidate is compared exactly.
_BANDS: Final = 40
_ROWS: Final = 3
# Sets of shingles take 20 KB for a text of 200 characters, too much to keep those of all texts.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True, order=True)
class NearDuplicate:
    """Two texts, the lesser first, and the Jaccard similarity of their shingles."""

    first: str
    second: str
    jaccard: float


def shingles(text: str) -> set[str]:
    """Return the runs of five characters of a text."""
    return {text[i : i + _SHINGLE] for i in range(max(1, len(text) - _SHINGLE + 1))}


def jaccard(first: set[str], second: set[str]) -> float:
    """Return the share of elements that two sets have in common."""
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def near_duplicates(texts: Iterable[str]) -> list[NearDuplicate]:
    """Return all pairs of different texts that are nearly the same.

    Args:
        texts: Normalised texts in any order; equal texts count once.

    Returns:
        The pairs in a fixed order.
    """
    found = []
    shingles_of = lru_cache(_REMEMBERED)(shingles)
    for text, candidates in _candidates(texts):
        for other in candidates:
            similarity = jaccard(shingles_of(text), shingles_of(other))
            if similarity >= JACCARD:
                found.append(NearDuplicate(other, text, similarity))
    return sorted(found)


def near_duplicate_sets(texts: Iterable[str]) -> list[set[str]]:
    """Return the sets of different texts that the pairs of ``near_duplicates`` connect.

    Args:
        texts: Normalised texts in any order; equal texts count once.

    Returns:
        Sets of at least two texts; a text without a near duplicate is in none.
    """
    sets: DisjointSet = DisjointSet()
    shingles_of = lru_cache(_REMEMBERED)(shingles)
    for text, candidates in _candidates(texts):
        sets.add(text)
        for other in candidates:
            # The texts of one web form are near duplicates of each other: most pairs connect nothing new.
            if sets.connected(text, other):
                continue
            if jaccard(shingles_of(text), shingles_of(other)) >= JACCARD:
                sets.merge(text, other)
    return [subset for subset in sets.subsets() if len(subset) > 1]


def _candidates(texts: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each text with those before it that may be near duplicates of it."""
    from datasketch import MinHash, MinHashLSH

    # Sorted, so that the order of the corpus does not matter.
    long = sorted({text for text in texts if len(text) >= SHORTEST})
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    encoded = ([part.encode() for part in shingles(text)] for text in long)
    for i, sketch in enumerate(MinHash.generator(encoded, num_perm=_BANDS * _ROWS)):
        yield long[i], [long[k] for k in index.query(sketch)]
        index.insert(i, sketch)
