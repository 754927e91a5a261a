from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.policy import OUTPUTS
from training.policy.default_policy import choose_policy


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.5, 1.0), st.floats(0.5, 0.99))
def test_thresholds_hold_what_they_promise(seed: int, recall: float, precision: float) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(size=(300, 3))
    labels = (random.uniform(size=(300, 3)) < probabilities).astype(np.float32)
    policy = choose_policy(probabilities, labels, recall, precision)
    for output in OUTPUTS:
        offer, escalate = getattr(policy.offer, output), getattr(policy.escalate, output)
        assert 0 <= offer <= 1
        assert offer == policy.offer.complexity
        # Where no threshold is precise enough, there is none.
        assert escalate is None or offer <= escalate <= 1
    must_reach = (labels == 1).any(axis=1)
    assert (probabilities[must_reach] >= policy.offer.complexity).any(axis=1).mean() >= recall
