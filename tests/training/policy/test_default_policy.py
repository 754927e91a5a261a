from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.policy import OUTPUTS
from tests.training.policy.making import SIX_DIGITS, lowest_precise
from training.policy.default_policy import choose_policy


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(0.5, 1.0), st.floats(0.5, 0.99), st.booleans())
def test_thresholds_hold_what_they_promise(seed: int, recall: float, precision: float, telling: bool) -> None:
    """With probabilities that tell the labels, and with others, of which hardly any is precise."""
    random = np.random.default_rng(seed)
    probabilities = random.uniform(size=(300, 3))
    labels = (random.uniform(size=(300, 3)) < (probabilities if telling else 0.3)).astype(np.float32)
    labels[random.uniform(size=(300, 3)) < 0.1] = np.nan
    policy = choose_policy(probabilities, labels, recall, precision)
    for i, output in enumerate(OUTPUTS):
        offer, escalate = getattr(policy.offer, output), getattr(policy.escalate, output)
        assert 0 <= offer <= 1
        assert offer == policy.offer.complexity
        level = lowest_precise(probabilities[:, i], labels[:, i], precision)
        if level is None:
            assert escalate is None
        else:
            assert offer <= escalate <= 1
            assert escalate == pytest.approx(max(level, offer), abs=SIX_DIGITS)
    must_reach = (labels == 1).any(axis=1)
    assert (probabilities[must_reach] >= policy.offer.complexity).any(axis=1).mean() >= recall
    highest = policy.offer.complexity
    assert highest is not None
    assert (probabilities[must_reach] >= highest + SIX_DIGITS).any(axis=1).mean() < recall


@pytest.mark.parametrize(
    ("count", "recall", "reached"), [(10, 0.8, 8), (10, 0.81, 9), (20, 0.95, 19), (100, 0.55, 55), (7, 1, 7)]
)
def test_no_more_messages_reach_the_offer_than_the_recall_takes(
    count: int, recall: float, reached: int
) -> None:
    need = np.linspace(0.1, 0.9, count)
    probabilities = np.stack([need] * len(OUTPUTS), axis=1)
    labels = np.ones(probabilities.shape, dtype=np.float32)
    offer = choose_policy(probabilities, labels, recall, 0.9).offer.complexity
    assert offer is not None
    assert (need >= offer).sum() == reached
