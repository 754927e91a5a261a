from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate.policy import LANGUAGES
from tests.training.making import make_message
from training.retraining.mixing import drawn_messages, mix, without


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 1), st.integers(1, 4), st.integers(0, 99))
def test_own_messages_have_their_share(own: int, corpus: int, share: float, epochs: int, seed: int) -> None:
    # The labels tell apart whose a message is after its text was changed.
    ours = [make_message(i, complexity=1, text=f"our parcel {i}") for i in range(own)]
    theirs = [make_message(i, complexity=0, text=f"their parcel {i}") for i in range(corpus)]
    examples = mix(ours, theirs, share, epochs, seed)
    counted = int((examples.labels[:, 0] == 1).sum())
    assert counted == own * epochs
    assert len(examples) == counted + round(counted * (1 - share) / share)
    assert counted / len(examples) == pytest.approx(share, abs=0.5 / counted)
    drawn = Counter(text for text in examples.texts if text.startswith("their"))
    written = {message.text for message in theirs}
    assert len(written & set(drawn)) == drawn_messages(own, corpus, share, epochs)
    if len(examples) - counted >= corpus:
        assert written <= set(drawn)
    assert {message.text for message in ours} <= set(examples.texts)


def test_the_mixture_repeats_with_its_seed() -> None:
    ours = [make_message(i, text=f"our parcel {i} is late") for i in range(20)]
    theirs = [make_message(i, text=f"their parcel {i} is late") for i in range(200)]
    first, again, other = (mix(ours, theirs, 0.3, 2, seed) for seed in (1, 1, 2))
    assert first.texts == again.texts
    assert set(first.texts) != set(other.texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_own_messages_stand_as_written_once_and_changed_after_that(language: str) -> None:
    ours = [make_message(i, language=language, text=f"our parcel {i} is late") for i in range(40)]
    written = sorted(message.text for message in ours)
    assert sorted(mix(ours, [], 1, 1, 1).texts) == written
    twice = mix(ours, [], 1, 2, 1).texts
    assert sorted(twice[:40]) == written
    assert len(set(twice[40:]) - set(written)) >= 20


def test_held_out_texts_are_left_out_whatever_their_marks() -> None:
    messages = [make_message(0, text="Where is it?"), make_message(1, text="when  do you open")]
    assert without(messages, [make_message(2, text="Where \u200fis it?")]) == messages[1:]


def test_without_a_corpus_own_messages_are_all_that_is_learned() -> None:
    ours = [make_message(i, text=f"our parcel {i} is late") for i in range(20)]
    assert len(mix(ours, [], 0.5, 2, 1)) == len(mix(ours, ours, 1, 2, 1)) == 40
