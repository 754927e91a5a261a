from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from random import Random
from string import ascii_lowercase

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from escalate.policy import OUTPUTS
from escalate.text import normalise
from tests.training.making import make_message
from tests.training.tickets.making import text_of
from training.corpus.messages import Message
from training.corpus.splitting import SHARES
from training.errors import TicketsError
from training.tickets.reading import Tickets
from training.tickets.splitting import METHODS, Split, split_tickets

_START = datetime(2025, 1, 1, tzinfo=timezone.utc)


def make_tickets(messages: list[Message], *columns: str, days: list[int | None] | None = None) -> Tickets:
    times = [None] * len(messages) if days is None else days
    return Tickets(
        messages=tuple(messages),
        times=tuple(None if day is None else _START + timedelta(days=day) for day in times),
        rows=tuple(range(2, len(messages) + 2)),
        source="t.csv",
        columns={"text": "text", **{name: name for name in columns}},
    )


def ninety(**fields: object) -> list[Message]:
    return [make_message(n, text=text_of(n), **{"group": None, **fields}) for n in range(90)]


def parts(split: Split) -> list[tuple[Message, ...]]:
    return [split.train, split.validation, split.test]


def test_random_split_is_complete_and_seeded() -> None:
    tickets = make_tickets(ninety())
    split = split_tickets(tickets)
    assert split.method == "random"
    assert "no group column and there is no time" in split.reason
    assert sorted(m.id for part in parts(split) for m in part) == sorted(m.id for m in tickets.messages)
    assert [len(part) for part in parts(split)] == [72, 9, 9]
    assert split_tickets(tickets) == split
    assert split_tickets(tickets, seed=2).test != split.test


def unalike(count: int) -> list[Message]:
    """Return messages of three languages, some rarer than others, as are their labels."""
    random = Random(5)
    return [
        make_message(
            n,
            text=" ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in range(6)),
            language=random.choices(["en", "cs", "he"], [5, 3, 2])[0],
            complexity=int(random.random() < 0.5),
            negative_sentiment=int(random.random() < 0.3),
            human_requested=int(random.random() < 0.15),
            group=None,
        )
        for n in range(count)
    ]


def test_the_parts_resemble_each_other_in_languages_and_labels() -> None:
    messages = unalike(300)
    for part, share in zip(parts(split_tickets(make_tickets(messages))), SHARES, strict=True):
        languages, every = (Counter(m.language for m in some) for some in (part, messages))
        for language in ("en", "cs", "he"):
            assert languages[language] == pytest.approx(share * every[language], abs=1)
        for output in OUTPUTS:
            positive, all_positive = (sum(m.label(output) or 0 for m in some) for some in (part, messages))
            assert positive == pytest.approx(share * all_positive, abs=2)


@pytest.mark.parametrize("method", ["group", "time", "random"])
def test_what_the_start_learned_judges_no_later_model(method: str) -> None:
    messages = [make_message(n, text=text_of(n), group=f"g{n // 2}") for n in range(90)]
    tickets = make_tickets(messages, "group", "time", days=list(range(90)))
    learned = {normalise(message.text) for message in messages[:50:2]}
    split = split_tickets(tickets, method, learned=learned)
    known = {message.id for message in messages[:50]}
    assert not known & {message.id for message in (*split.validation, *split.test)}
    # The new ones are split as if they were alone.
    assert [len({m.id for m in part} - known) for part in parts(split)] == [32, 4, 4]
    assert split.reason.endswith("50 messages are in train: the model to start from learned them.")
    assert sorted(m.id for part in parts(split) for m in part) == sorted(m.id for m in messages)


def test_a_start_that_learned_everything_leaves_nothing_to_judge_by() -> None:
    messages = ninety()
    learned = {normalise(message.text) for message in messages}
    with pytest.raises(TicketsError, match="learned by the model to start from"):
        split_tickets(make_tickets(messages), learned=learned)


def test_groups_stay_together() -> None:
    messages = [make_message(n, text=text_of(n), group=f"g{n // 3}") for n in range(90)]
    split = split_tickets(make_tickets(messages, "group", "time", days=list(range(90))))
    assert split.method == "group"
    groups = [{m.group for m in part} for part in parts(split)]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert all(groups)


def test_the_test_split_is_the_latest() -> None:
    days: list[int | None] = [(7 * n) % 90 for n in range(90)]
    split = split_tickets(make_tickets(ninety(), "time", days=days))
    assert split.method == "time"
    order = {f"m-{n}": days[n] for n in range(90)}
    spans = [sorted(order[m.id] or 0 for m in part) for part in parts(split)]
    assert spans[0][-1] < spans[1][0] <= spans[1][-1] < spans[2][0]


def test_missing_times_lead_to_a_random_split() -> None:
    tickets = make_tickets(ninety(), "time", days=[None, *range(89)])
    split = split_tickets(tickets)
    assert split.method == "random"
    assert "a time is missing in 1" in split.reason
    with pytest.raises(TicketsError, match="no time in 1 rows"):
        split_tickets(tickets, "time")


@pytest.mark.parametrize("method", METHODS)
@given(numbers=st.lists(st.integers(0, 29), min_size=40, max_size=80))
@settings(max_examples=20)
def test_equal_texts_never_cross(method: str, numbers: list[int]) -> None:
    messages = [
        make_message(n, text=text_of(number) + "?" * (n % 2), group=f"g{n}")
        for n, number in enumerate(numbers)
    ]
    tickets = make_tickets(messages, "group", "time", days=list(range(len(messages))))
    try:
        split = split_tickets(tickets, method)
    except TicketsError:
        reject()
    assert split.method == method
    seen = [{normalise(m.text).rstrip("?") for m in part} for part in parts(split)]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert sum(len(part) for part in parts(split)) == len(messages)


def test_what_cannot_be_split_says_what_is_needed() -> None:
    with pytest.raises(TicketsError, match="only 3 messages; at least 10 are needed"):
        split_tickets(make_tickets(ninety()[:3]))
    with pytest.raises(TicketsError, match="90 messages but only 1 that are not of one group"):
        split_tickets(make_tickets(ninety(group="a"), "group"))
    with pytest.raises(TicketsError, match="leaves train, validation or test empty"):
        split_tickets(make_tickets(ninety(), "time", days=[1] * 90))
    with pytest.raises(TicketsError, match="no column for --group"):
        split_tickets(make_tickets(ninety()), "group")
    with pytest.raises(TicketsError, match="no split by 'day'; choose one of group, time, random"):
        split_tickets(make_tickets(ninety()), "day")
