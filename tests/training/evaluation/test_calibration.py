from __future__ import annotations

import numpy as np

from training.evaluation.metrics import output_metrics


def test_right_probabilities_seldom_exceed_what_chance_allows() -> None:
    random = np.random.default_rng(11)
    above = []
    for _ in range(100):
        probabilities = random.beta(0.5, 0.5, size=400)
        metrics = output_metrics(probabilities, (random.random(400) < probabilities).astype(float))
        above.append(metrics["calibration_error"] > metrics["calibration_most"])
    assert 0 < np.mean(above) < 0.12


def test_overconfident_probabilities_exceed_it() -> None:
    random = np.random.default_rng(12)
    probabilities = random.beta(0.5, 0.5, size=400)
    sure = np.where(probabilities > 0.5, 0.98, 0.02)
    metrics = output_metrics(sure, (random.random(400) < probabilities).astype(float))
    assert metrics["calibration_error"] > metrics["calibration_most"]
