"""Splits own tickets into train, validation and test."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from random import Random
from typing import Final, Literal

from escalate.policy import OUTPUTS
from escalate.text import normalise
from training.corpus.messages import SPLITS, Message
from training.corpus.near_duplicates import near_duplicate_sets
from training.corpus.splitting import SHARES, joined
from training.errors import TicketsError
from training.tickets.reading import Tickets

Method = Literal["group", "time", "random"]
METHODS: Final[tuple[Method, ...]] = ("group", "time", "random")

FEWEST: Final = 10
"""Fewest messages, or sets of messages that belong together, that can be split."""


@dataclass(frozen=True, slots=True)
class Split:
    """Messages in three parts; equal and nearly equal texts are in one part.

    Attributes:
        train: To learn from.
        validation: To choose and calibrate with.
        test: To measure with.
        method: How they were split.
        reason: Why so, in one sentence.
    """

    train: tuple[Message, ...]
    validation: tuple[Message, ...]
    test: tuple[Message, ...]
    method: Method
    reason: str


def split_tickets(
    tickets: Tickets,
    method: str | None = None,
    seed: int = 1,
    learned: Set[str] = frozenset(),
    alike: Iterable[Set[str]] | None = None,
) -> Split:
    """Split tickets 80/10/10 by group where there are groups, else by time, else at random.

    Whatever the method, equal and nearly equal texts and messages of one group stay together. By time,
    they count as what came first of them; the test split is what came last. By group and at random,
    the splits resemble each other in languages and labels.

    Args:
        tickets: The tickets.
        method: One of ``METHODS``; None to choose.
        seed: Seed of the assignment by group and at random.
        learned: Normalised texts that the model to start from has learned: they, and what belongs to them,
            are for training, beside 80 % of the others.
        alike: What ``nearly_equal`` returns of the tickets, where it is known already.

    Raises:
        TicketsError: A split would be empty, or there is no column for the method.
    """
    chosen, reason = _choose(tickets, method)
    parts = related(tickets.messages, alike)
    free = [part for part in parts if not _holds(part, tickets.messages, learned)]
    if len(free) < FEWEST:
        raise TicketsError(f"{tickets.source} has {_too_few(len(tickets.messages), len(parts), len(free))}")
    if known := len(tickets.messages) - sum(map(len, free)):
        reason = f"{reason} {known:,} messages are in train: the model to start from learned them."
    if chosen == "time":
        times = [time for time in tickets.times if time is not None]
        assigned = _by_time(free, times)
    else:
        assigned = _alike(free, tickets.messages, seed)
    train, validation, test = (
        tuple(m for m, split in zip(tickets.messages, assigned, strict=True) if split == i) for i in range(3)
    )
    if not (train and validation and test):
        raise TicketsError(
            f"{tickets.source}: a split by {chosen} leaves train, validation or test empty, because too many "
            "messages belong together or came at one time; choose another split, such as random"
        )
    return Split(train, validation, test, chosen, reason)


def nearly_equal(messages: Iterable[Message]) -> list[set[str]]:
    """Return the normalised texts of messages that are nearly equal to others, in sets."""
    return near_duplicate_sets(normalise(message.text) for message in messages)


def related(messages: Sequence[Message], alike: Iterable[Set[str]] | None = None) -> list[list[int]]:
    """Return the positions of messages in sets that share a group or nearly a text with no other set.

    The sets and the positions in them are in the order of the messages.

    Args:
        messages: The messages.
        alike: What ``nearly_equal`` returns of them, where it is known already.
    """
    alike = nearly_equal(messages) if alike is None else alike
    set_of = {text: number for number, texts in enumerate(alike) for text in texts}
    keys: list[list[Hashable]] = []
    for message in messages:
        text = normalise(message.text)
        keys.append([("text", set_of.get(text, text))])
        if message.group is not None:
            keys[-1].append(("group", message.group))
    return joined(keys)


def _holds(part: Sequence[int], messages: Sequence[Message], texts: Set[str]) -> bool:
    return bool(texts) and any(normalise(messages[i].text) in texts for i in part)


def _choose(tickets: Tickets, method: str | None) -> tuple[Method, str]:
    """Return the method and the sentence that says why."""
    groups = any(message.group is not None for message in tickets.messages)
    without_time = sum(time is None for time in tickets.times)
    timed = "time" in tickets.columns and not without_time
    if method is None:
        if groups:
            too = f"; by {tickets.columns['time']} is possible too (--split time)" if timed else ""
            return "group", f"Split by group: no {tickets.columns['group']} is in two splits{too}."
        if timed:
            return "time", f"Split by time ({tickets.columns['time']}): the test split is what came last."
        missing = (
            f"a time is missing in {without_time:,}" if "time" in tickets.columns else "there is no time"
        )
        return "random", f"Split at random: there is no group column and {missing}."
    if method not in METHODS:
        raise TicketsError(f"there is no split by {method!r}; choose one of {', '.join(METHODS)}")
    if method == "group" and not groups:
        raise TicketsError(f"{tickets.source} has no column for --group, so it cannot be split by group")
    if method == "time" and not timed:
        missing = f"no time in {without_time:,} rows" if "time" in tickets.columns else "no column for --time"
        raise TicketsError(f"{tickets.source} has {missing}, so it cannot be split by time")
    return next(known for known in METHODS if known == method), f"Split by {method}, as asked for."


def _by_time(parts: Sequence[Sequence[int]], times: Sequence[datetime]) -> list[int]:
    """Return the split of every message: sets by their first time, the last 10 % to the test split.

    Messages in no set are for training.
    """
    assigned = [0] * len(times)
    messages = sum(map(len, parts))
    before = 0
    first = sorted((min(times[i] for i in part), part) for part in parts)
    # Messages of one moment stay in one split, or the later split would be no later.
    for _, moment in groupby(first, key=lambda item: item[0]):
        together = [i for _, part in moment for i in part]
        share = (before + len(together) / 2) / messages
        split = 0 if share < SHARES[0] else 1 if share < SHARES[0] + SHARES[1] else 2
        for i in together:
            assigned[i] = split
        before += len(together)
    return assigned


def _alike(parts: Sequence[Sequence[int]], messages: Sequence[Message], seed: int) -> list[int]:
    """Return the split of every message: sets ordered by language and labels go where most is missing.

    Messages in no set, and those of a set larger than the test split should be, are for training.
    """
    random = Random(seed)
    largest = max(1, SHARES[2] * sum(map(len, parts)))
    assigned = [0] * len(messages)
    sizes = [0, 0, 0]
    for _, _, part in sorted((_kind(messages[part[0]]), random.random(), part) for part in parts):
        taken = sum(sizes) + len(part)
        missing = [share * taken - size for share, size in zip(SHARES, sizes, strict=True)]
        split = missing.index(max(missing)) if len(part) <= largest else 0
        sizes[split] += len(part)
        for i in part:
            assigned[i] = split
    return assigned


def _kind(message: Message) -> str:
    labels = ("?" if message.label(output) is None else str(message.label(output)) for output in OUTPUTS)
    return "".join((message.language, *labels))


def _too_few(messages: int, parts: int, free: int) -> str:
    if free < parts:
        return (
            f"{messages:,} messages but only {free:,} that are not of one group, nearly equal, or learned by "
            f"the model to start from; at least {FEWEST} are needed for {', '.join(SPLITS)}: add new ones, "
            "or start from another model"
        )
    few = f"only {messages} message{'' if messages == 1 else 's'}"
    if messages >= FEWEST:
        few = f"{messages:,} messages but only {parts} that are not of one group or nearly equal"
    return f"{few}; at least {FEWEST} are needed for {', '.join(SPLITS)}"
