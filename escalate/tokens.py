"""From normalised text to the windows of token ids that the model reads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Ids = npt.NDArray[np.int64]

_BEGIN: Final = "<s>"
_END: Final = "</s>"


class WindowTokenizer:
    """Splits a text of any length into windows that overlap.

    A text that fits into one window is one window. A longer one is covered from its first token to
    its last: every window but the last is full, and neighbours share at least ``overlap`` tokens.
    """

    def __init__(self, serialised: str, window: int, overlap: int) -> None:
        """Build from the text of a ``tokenizer.json``.

        Args:
            serialised: The tokenizer as JSON.
            window: Longest window in tokens, begin and end marks included.
            overlap: Tokens that neighbouring windows share.

        Raises:
            ValueError: The tokenizer is not valid or has no begin and end marks, or the overlap
                leaves a window no new token.
        """
        if not 0 <= overlap < window - 2:
            raise ValueError(f"overlap {overlap} does not fit a window of {window} tokens")
        try:
            self._tokenizer = Tokenizer.from_str(serialised)
        except Exception as error:  # tokenizers raises bare Exception
            raise ValueError(f"not a tokenizer: {error}") from error
        begin, end = (self._tokenizer.token_to_id(mark) for mark in (_BEGIN, _END))
        if begin is None or end is None:
            raise ValueError(f"the tokenizer lacks {_BEGIN} or {_END}")
        self._begin, self._end = [begin], [end]
        self._content = window - 2
        self._step = self._content - overlap

    def windows(self, text: str) -> list[Ids]:
        """Return the windows of ``text``, each of shape (1, tokens); at least one."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        last = max(0, len(ids) - self._content)
        starts = [*range(0, last, self._step), last]
        return [
            np.array([self._begin + ids[start : start + self._content] + self._end], dtype=np.int64)
            for start in starts
        ]
