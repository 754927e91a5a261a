from __future__ import annotations

from random import Random

import pytest

from escalate.policy import LANGUAGES
from escalate.text import normalise
from training.fitting.augmentation import HARMLESS, augment
from training.fitting.courtesies import HELD_OUT, LEARNED


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_measured_was_not_learned(language: str) -> None:
    for learned, held_out in (
        (LEARNED.greetings[language], HELD_OUT.greetings[language]),
        (LEARNED.signatures[language], HELD_OUT.signatures[language]),
    ):
        assert len(set(learned)) == len(learned) > 100
        assert len(set(held_out)) == len(held_out) >= 5
        assert not {normalise(text) for text in learned} & {normalise(text) for text in held_out}


@pytest.mark.parametrize("language", LANGUAGES)
def test_training_puts_the_learned_ones_around_a_message_and_none_of_the_others(language: str) -> None:
    text = "4711"
    variants = [augment(text, language, Random(seed), latin_letters=0) for seed in range(400)]
    parts = [variant.partition(text) for variant in variants]
    for courtesies, places in (
        ("greetings", {before.removesuffix(" ") for before, _, _ in parts}),
        ("signatures", {after.removeprefix("\n") for _, _, after in parts}),
    ):
        # Some are changed further, as the message is.
        assert len(places & set(getattr(LEARNED, courtesies)[language])) > 20
        assert not places & set(getattr(HELD_OUT, courtesies)[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_measuring_puts_those_around_a_message_that_were_held_out(language: str) -> None:
    greeted = {HARMLESS["greeting"]("4711", language, Random(seed)) for seed in range(100)}
    signed = {HARMLESS["signature"]("4711", language, Random(seed)) for seed in range(100)}
    assert greeted == {f"{greeting} 4711" for greeting in HELD_OUT.greetings[language]}
    assert signed == {f"4711\n{signature}" for signature in HELD_OUT.signatures[language]}
