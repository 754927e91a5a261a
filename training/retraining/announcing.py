"""What a retraining says before it starts: what it learns from, and how long it takes."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Console

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES
from training.printing import say
from training.retraining.estimating import TimeEstimate
from training.retraining.learning import FEWEST_TO_WATCH
from training.retraining.mixing import corpus_messages
from training.tickets.own_corpus import OwnCorpus
from training.tickets.reading import without_text_notes

_SECONDS_TO_WRITE: Final = 60
"""Quantising, loading models and fitting simple ones, whatever the number of messages."""

_SECONDS_TO_FIT: Final = 30
"""Fitting a linear probe to sentence vectors, with the corpus among them."""


def announce_data(own: OwnCorpus, own_share: float, epochs: int, console: Console) -> None:
    """Say what the own messages hold, how they are split, and how many of the corpus stand beside them.

    Args:
        own: The own messages.
        own_share: Share of own messages in what is learned, above 0 to 1.
        epochs: Passes over the own messages.
        console: Where to say it.
    """
    every = [message for messages in own.splits.values() for message in messages]
    languages = Counter(message.language for message in every)
    counts = ", ".join(f"{languages[n]:,} {LANGUAGE_NAMES[n]}" for n in LANGUAGE_CLASSES if languages[n])
    sizes = ", ".join(f"{len(messages):,} {name}" for name, messages in own.splits.items())
    say(console, f"{len(every):,} messages ({counts})")
    for note in without_text_notes(own.without_text):
        say(console, note, "yellow")
    say(console, f"{own.reason} {sizes}; they are in {own.folder}")
    train = own.splits["train"]
    beside = corpus_messages(len(train), own_share)
    for output in OUTPUTS:
        labels = [label for message in train if (label := message.label(output)) is not None]
        known = f"{len(labels):,} labels to train, {sum(labels):,} of them yes"
        if not labels:
            known = f"no labels of yours; it keeps what {'the corpus' if beside else 'the start'} teaches"
        say(console, f"  {OUTPUT_NAMES[output]}: {known}")
    say(
        console,
        f"In each of {epochs} passes {len(train):,} of yours ({own_share:.0%}) and {beside:,} of the corpus "
        "are learned",
    )


def announce_time(expected: TimeEstimate, watched: int, read: int, console: Console, probed: int = 0) -> None:
    """Say what early stopping goes by, and how long it all takes.

    Args:
        expected: The estimate of the training.
        watched: How many messages early stopping goes by, 0 for no early stopping.
        read: How many messages are read one by one after the training.
        console: Where to say it.
        probed: How many messages a linear probe learns first, 0 for no probe.
    """
    if watched:
        most = "at most "
        stopping = f"Training stops early when the loss on {watched:,} validation messages no longer falls"
    else:
        most = ""
        stopping = (
            f"Training goes to its end: stopping early needs {FEWEST_TO_WATCH} labelled validation messages"
        )
    say(console, stopping)
    probing = _SECONDS_TO_FIT + probed * expected.reading_among
    before = f"{duration(probing)} for a linear probe, " if probed else ""
    after = _SECONDS_TO_WRITE + read * expected.reading
    say(
        console,
        f"About {before}{duration(expected.seconds)} on this machine for {most}{expected.steps:,} steps of "
        f"{expected.step:.2f} s, and about {duration(after)} to measure and write the bundle",
        "bold",
    )


def duration(seconds: float) -> str:
    """Return a duration for a person."""
    if seconds < 90:
        return f"{max(2, round(seconds))} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
