"""Joins messages into fewer groups, so that drawing them again and again stays within memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from training.corpus.messages import Message
from training.evaluation.resampling import MINIMUM_GROUPS, SEED

MOST: Final = 400
"""Most groups of a language: more make an interval no better, only slower."""


def group_of(message: Message) -> str:
    """Return what a message is drawn and left out with: its group, else its pair, else itself."""
    return f"{message.language}/{message.group or message.pair or message.id}"


def groups_of(messages: Sequence[Message]) -> list[str]:
    """Return the group of each message; its own place where there are too few groups to go by."""
    groups = [group_of(message) for message in messages]
    if len(set(groups)) < MINIMUM_GROUPS:
        return [str(place) for place in range(len(messages))]
    return groups


def in_blocks(messages: Sequence[Message], seed: int = SEED) -> list[Message]:
    """Return the messages, their groups joined at random into MOST where there are more.

    The sum over a random block varies as the sum over its groups does, so intervals keep their width.

    Args:
        messages: The messages.
        seed: Seed of the joining.
    """
    groups = groups_of(messages)
    names = sorted(set(groups))
    if len(names) <= MOST:
        return list(messages)
    order = np.random.default_rng(seed).permutation(len(names)) % MOST
    block = dict(zip(names, order.tolist(), strict=True))
    return [
        replace(message, group=f"block {block[group]}")
        for message, group in zip(messages, groups, strict=True)
    ]
