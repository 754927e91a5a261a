"""Reads messages with a model as it is served, for calibration and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from escalate.calibration import Calibration
from escalate.model import Model, Reading, start_session
from escalate.policy import OUTPUTS
from escalate.text import normalise
from escalate.tokens import WindowTokenizer
from escalate.transliteration import Transliteration

Array = npt.NDArray[np.float64]


def read_texts(model: Model, texts: Sequence[str]) -> list[Reading]:
    """Read texts, each on its own as in service."""
    progress = tqdm(texts, desc="reading", unit="message", disable=len(texts) < 1000)
    return [model.read(normalise(text)) for text in progress]


def output_logits_of(readings: Sequence[Reading]) -> Array:
    """Return the logits of the outputs, shape (texts, 3)."""
    return np.array([reading.output_logits for reading in readings]).reshape(-1, len(OUTPUTS))


def calibrated(calibration: Calibration, logits: Array, languages: Sequence[str]) -> Array:
    """Return the probabilities of the outputs, shape (texts, 3).

    Args:
        calibration: The calibration.
        logits: Same shape, from ``output_logits_of``.
        languages: Language of each text.
    """
    rows = zip(logits, languages, strict=True)
    return np.array([[*calibration.probabilities(row, language).values()] for row, language in rows])


def build_model(
    onnx: bytes, tokenizer: str, window: int, overlap: int, transliteration: Transliteration
) -> Model:
    """Return a model that is not in a bundle yet."""
    return Model(start_session(onnx), WindowTokenizer(tokenizer, window, overlap), transliteration)
