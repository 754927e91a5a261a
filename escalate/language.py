"""The language of a message: the likeliest one that its letters allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from escalate.bundle import LANGUAGE_CLASSES
from escalate.calibration import Array
from escalate.letters import ARABIC, HEBREW, LATIN

# Hebrew and Arabic are typed in Latin letters too, Czech and English only in those. (Arabic in Hebrew
# letters is rare and not in the corpus: to a bot it is another language.)
_LETTERS: Final[Mapping[str, re.Pattern[str]]] = {
    "he": re.compile(f"[{HEBREW}{LATIN}]"),
    "ar": re.compile(f"[{ARABIC}{LATIN}]"),
    "cs": re.compile(f"[{LATIN}]"),
    "en": re.compile(f"[{LATIN}]"),
}


def read_language(logits: Array, text: str) -> str:
    """Return the language class with the highest logit of those that the letters allow.

    A single word tells a network little ("מנהל" alone), its letters tell much. Where letters of several
    scripts stand together, the network decides among all of their languages.

    Args:
        logits: Shape (5,), in the order of ``escalate.bundle.LANGUAGE_CLASSES``.
        text: The message as the normaliser of the bundle returns it, in lower case.

    Returns:
        A language with at least one of its letters in ``text``, or ``other``.
    """
    ranked = (LANGUAGE_CLASSES[i] for i in np.argsort(-logits, kind="stable"))
    return next(name for name in ranked if name not in _LETTERS or _LETTERS[name].search(text))
