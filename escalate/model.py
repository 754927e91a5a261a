"""The model: from normalised text to logits and the language, through ONNX Runtime."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from escalate.calibration import Array
from escalate.errors import BundleError
from escalate.forking import NATIVE_CODE
from escalate.language import read_language
from escalate.processor import has_exact_products
from escalate.tokens import Ids, WindowTokenizer
from escalate.transliteration import Transliteration

Row = npt.NDArray[np.float32]

MAX_WINDOWS: Final = 16
"""Of a longer message the first and the last half of so many windows are read, so that no message
holds a bot up for a second."""

_MAX_CHARACTERS: Final = 24_000

_OUTPUT_NAMES: Final = ["outputs", "language"]


class Reading(NamedTuple):
    """What the model reads in one message.

    Attributes:
        output_logits: Shape (3,), in the order of ``escalate.policy.OUTPUTS``.
        language_logits: Shape (5,), in the order of ``escalate.bundle.LANGUAGE_CLASSES``.
        language: The likeliest class of these that the letters of the message allow.
        truncated: True when the message was too long to be read whole.
    """

    output_logits: Array
    language_logits: Array
    language: str
    truncated: bool


def start_session(onnx: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Start an ONNX Runtime session whose answers are alike on all x86 processors.

    Args:
        onnx: A serialised model.
        threads: Threads of one run.

    Raises:
        BundleError: ONNX Runtime cannot load the model.
        ValueError: ``threads`` is below 1.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be 1 or more")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A pattern is kept for every length of message, and saves nothing with so many lengths.
    options.enable_mem_pattern = False
    if not has_exact_products():
        # Not always, because the exact products are slower; other processors than x86 ignore this.
        options.add_session_config_entry("session.x64quantprecision", "1")
    # Error level: warnings about a bundle that passed its checks would only alarm.
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes derive from Exception only
        raise BundleError(
            f"the model does not load in onnxruntime {onnxruntime.__version__} ({error}): "
            "upgrade onnxruntime or copy the bundle again"
        ) from error
    # Kept for a start with other providers, which never comes: 43 MB of the released model.
    session._model_bytes = None
    return session


class Model:
    """An ONNX session with its tokenizer. Safe to share between threads and to fork."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: WindowTokenizer,
        transliteration: Transliteration,
    ) -> None:
        """Join the three.

        Args:
            session: Of a model with input ``input_ids`` and outputs ``outputs``, ``language``.
            tokenizer: The model's tokenizer.
            transliteration: Writes Hebrew and Arabic that was typed in Latin letters in their own.

        Raises:
            BundleError: The model has other outputs.
        """
        self._session, self._tokenizer, self._transliteration = session, tokenizer, transliteration
        names = [output.name for output in self._session.get_outputs()]
        if names != _OUTPUT_NAMES:
            raise BundleError(f"the model has the outputs {names}, not {_OUTPUT_NAMES}: export it again")

    def run(self, window: Ids) -> tuple[Row, Row]:
        """Return the logits of one window: of the outputs, shape (3,), and of the language, shape (5,).

        Args:
            window: Token ids, shape (1, tokens).
        """
        outputs, language = self._session.run(_OUTPUT_NAMES, {"input_ids": window})
        return outputs[0], language[0]

    def read(self, text: str) -> Reading:
        """Read one message.

        Hebrew or Arabic in Latin letters is read a second time in its own letters, and the logits of the
        outputs are the means of both readings; the language is that of the first. What is too long to be read
        whole is read once.

        Args:
            text: A message as the normaliser of the bundle returns it.
        """
        with NATIVE_CODE:
            return self._read(text)

    def _read(self, text: str) -> Reading:
        reading = self._read_as_written(text)
        if reading.truncated:
            return reading
        native = self._transliteration.write(text, reading.language)
        if native is None:
            return reading
        again = self._read_as_written(native)
        mean = (reading.output_logits + again.output_logits) / 2
        return reading._replace(output_logits=mean, truncated=again.truncated)

    def _read_as_written(self, text: str) -> Reading:
        """Read a text once.

        Each window of a long message is a run of its own, as is each message, so that no text can
        change the answer of another. A need stated anywhere in a long message counts: of several
        windows the highest logit is taken. The language is the mean over the tokens.
        """
        parts = [text]
        if truncated := len(text) > _MAX_CHARACTERS:
            half = _MAX_CHARACTERS // 2
            parts = [text[:half], text[-half:]]
        windows = [window for part in parts for window in self._tokenizer.windows(part)]
        if len(windows) > MAX_WINDOWS:
            half = MAX_WINDOWS // 2
            windows, truncated = [*windows[:half], *windows[-half:]], True
        rows = [self.run(window) for window in windows]
        outputs, languages = (np.array(logits, dtype=np.float64) for logits in zip(*rows, strict=True))
        language_logits = np.average(languages, axis=0, weights=[window.size for window in windows])
        return Reading(
            output_logits=outputs.max(axis=0),
            language_logits=language_logits,
            language=read_language(language_logits, text),
            truncated=truncated,
        )
