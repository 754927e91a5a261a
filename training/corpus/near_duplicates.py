"""Texts that are nearly the same: MinHash and locality-sensitive hashing, verified exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

JACCARD: Final = 0.7
"""Texts that share at least this much of their shingles are near duplicates."""

SHORTEST: Final = 15
"""Shorter texts, in characters, share most shingles by chance; they are compared for equality only."""

_SHINGLE: Final = 5
# 40 bands of 3 rows miss a pair at the limit with probability 5e-8; the false candidates that so wide a
# net brings are cheap, because every candidate is compared exactly.
_BANDS: Final = 40
_ROWS: Final = 3


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
    return len(first & second) / len(first | second)


def near_duplicates(texts: Iterable[str]) -> list[NearDuplicate]:
    """Return all pairs of different texts that are nearly the same.

    Args:
        texts: Normalised texts in any order; equal texts count once.

    Returns:
        The pairs in a fixed order.
    """
    from datasketch import MinHash, MinHashLSH

    # Sorted, so that the order of the corpus does not matter.
    long = sorted({text for text in texts if len(text) >= SHORTEST})
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    found = []
    encoded = ([part.encode() for part in shingles(text)] for text in long)
    for i, sketch in enumerate(MinHash.generator(encoded, num_perm=_BANDS * _ROWS)):
        own = shingles(long[i])
        for k in index.query(sketch):
            similarity = jaccard(own, shingles(long[k]))
            if similarity >= JACCARD:
                found.append(NearDuplicate(long[k], long[i], similarity))
        index.insert(i, sketch)
    return sorted(found)
