from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from escalate.bundle import load_bundle
from training.tickets import vectors


def test_vectors_of_a_model_that_answers_early(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle(tiny_bundle)
    monkeypatch.setattr(vectors, "load_bundle", lambda: bundle)
    found = vectors.read_vectors(["where is my order", "אני רוצה נציג", "where is my order"])
    assert len(found) == 3
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found[0], found[2])
    assert not np.allclose(found[0], found[1])
