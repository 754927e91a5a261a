"""Own messages and those of a corpus, mixed to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from escalate.text import normalise
from training.corpus.messages import Message
from training.fitting.augmentation import augment
from training.fitting.examples import Examples, examples_of


def corpus_messages(own: int, share: float) -> int:
    """Return how many messages of the corpus stand beside so many own ones for a share of own ones."""
    return round(own * (1 - share) / share)


def drawn_messages(own: int, corpus: int, share: float, epochs: int) -> int:
    """Return how many different messages of a corpus of so many ``mix`` draws beside so many own ones."""
    return min(corpus, corpus_messages(own * epochs, share))


def mix(own: Sequence[Message], corpus: Sequence[Message], share: float, epochs: int, seed: int) -> Examples:
    """Return what is learned: own messages ``epochs`` times, and beside them some of the corpus.

    The first time a message stands as written, then with harmless changes. Of the corpus as many are
    drawn as make ``share`` the share of own ones; none comes again before all have come.

    Args:
        own: Own messages.
        corpus: The corpus.
        share: Share of own messages, above 0 to 1.
        epochs: How often every own message comes.
        seed: Seed of the draws and of the changes.
    """
    random = Random(seed)
    drawn = _passes(corpus, corpus_messages(len(own) * epochs, share), random)
    return examples_of([*_passes(own, len(own) * epochs, random), *drawn])


def _passes(messages: Sequence[Message], count: int, random: Random) -> Iterator[Message]:
    """Yield so many messages in shuffled passes; from the second pass on changed."""
    left = count if messages else 0
    first = True
    while left:
        order = random.sample(messages, min(left, len(messages)))
        for message in order:
            text = message.text if first else augment(message.text, message.language, random)
            yield replace(message, text=text)
        left -= len(order)
        first = False


def at_most(messages: Sequence[Message], most: int, random: Random) -> list[Message]:
    """Return all messages, or a random part of so many where there are more."""
    return random.sample(messages, most) if len(messages) > most else list(messages)


def without(messages: Sequence[Message], held_out: Sequence[Message]) -> list[Message]:
    """Return the messages whose text is not that of a held-out one."""
    texts = {normalise(message.text) for message in held_out}
    return [message for message in messages if normalise(message.text) not in texts]
