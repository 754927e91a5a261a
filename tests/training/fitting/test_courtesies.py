from __future__ import annotations

import pytest

from escalate.policy import LANGUAGES
from escalate.text import normalise
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
