"""Sentence vectors of the released model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from tqdm.auto import tqdm

from escalate.bundle import load_bundle
from escalate.model import MAX_WINDOWS, start_session
from escalate.processor import usable_cores
from escalate.tokens import WindowTokenizer

Array = npt.NDArray[np.float32]

_ENOUGH_FOR_PROGRESS: Final = 500


def read_vectors(texts: Sequence[str]) -> Array:
    """Return the vector that the released model has of each text just before its answer.

    Of a long text it is the mean over its windows, each weighted by its tokens.

    Returns:
        Shape (texts, hidden); each window's vector has length 1.
    """
    bundle = load_bundle()
    tokenizer = WindowTokenizer(bundle.tokenizer, bundle.window, bundle.overlap)
    model = onnx.load_from_string(bundle.model)
    # Making the sentence vector, of an early exit the student's, an output of the graph is all it takes.
    vector = next(node.output[0] for node in model.graph.node if node.op_type == "LpNormalization")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(vector))
    session = start_session(model.SerializeToString())

    def read(text: str) -> Array:
        windows = tokenizer.windows(bundle.normalise(text))[:MAX_WINDOWS]
        rows = [session.run([vector], {"input_ids": window})[0][0] for window in windows]
        mean: Array = np.average(rows, axis=0, weights=[window.size for window in windows])
        return mean.astype(np.float32)

    with ThreadPoolExecutor(usable_cores()) as pool:
        progress = tqdm(
            pool.map(read, texts),
            desc="reading messages",
            total=len(texts),
            unit="message",
            disable=len(texts) < _ENOUGH_FOR_PROGRESS,
        )
        return np.array(list(progress))
