"""Reads messages with a model as it is served, for calibration and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from escalate.bundle import LANGUAGE_CLASSES
from escalate.model import Model
from escalate.policy import OUTPUTS
from escalate.text import normalise
from escalate.tokens import WindowTokenizer
from training.corpus import Message

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Logits of some messages; the rows are the messages.

    Attributes:
        outputs: Shape (messages, 3).
        languages: Language class of each message by the model.
    """

    outputs: Array
    languages: list[str]


def read_texts(model: Model, texts: Sequence[str]) -> Reading:
    """Return the logits of texts, each read on its own as in service."""
    outputs, languages = [], []
    for text in tqdm(texts, desc="reading", unit="message", disable=len(texts) < 1000):
        logits = model.read(normalise(text))
        outputs.append(logits.outputs)
        languages.append(LANGUAGE_CLASSES[int(logits.language.argmax())])
    return Reading(np.array(outputs).reshape(-1, len(OUTPUTS)), languages)


def build_model(onnx: bytes, tokenizer: str, window: int, overlap: int) -> Model:
    """Return a model that is not in a bundle yet."""
    return Model(onnx, WindowTokenizer(tokenizer, window, overlap))


def labels_of(messages: Sequence[Message]) -> npt.NDArray[np.float32]:
    """Return the labels of messages, shape (messages, 3), NaN for unknown."""
    rows = [[message.label(output) for output in OUTPUTS] for message in messages]
    return np.array(rows, dtype=np.float32).reshape(-1, len(OUTPUTS))
