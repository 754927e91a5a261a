from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from escalate import Classifier


@pytest.fixture(scope="package")
def load_once() -> Callable[..., Classifier]:
    return cache(Classifier.load)


@pytest.fixture(autouse=True)
def _not_waiting(monkeypatch: pytest.MonkeyPatch, load_once: Callable[..., Classifier]) -> None:
    """Leave out what would take most of the time: loading the model anew, and waiting for the disk.

    A busy disk takes a tenth of a second to confirm a write, which only a power cut could tell.
    """
    monkeypatch.setattr(Classifier, "load", load_once)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
