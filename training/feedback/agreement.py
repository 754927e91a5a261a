"""How often agents agree with what was done."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from escalate.policy import ACTIONS
from training.feedback.shares import Share, share
from training.feedback.verdicts import Verdicts

Array = npt.NDArray[Any]

HANDED: Final = "handed"
LEFT: Final = "left"
SIDES: Final = {HANDED: "offered a person or escalated", LEFT: "left to the bot"}
"""Agreement is given apart for the two: which decisions agents judge is seldom chance, and a change in
that alone moves the agreement on all of them together."""


def right(verdicts: Verdicts) -> Array:
    """Return whether each judged decision was right, and False for the others."""
    agreed: Array = (verdicts.handed == (verdicts.needed == 1)) & ~np.isnan(verdicts.needed)
    return agreed


def judged(verdicts: Verdicts, side: str | None = None) -> Array:
    """Return which decisions an agent has judged, on one of SIDES or, for None, on both."""
    known: Array = ~np.isnan(verdicts.needed)
    if side is not None:
        known &= verdicts.handed == (side == HANDED)
    return known


def agreement(verdicts: Verdicts, side: str | None, confidence: float) -> Share:
    """Return the share of the judged decisions that were right, on one side or on both.

    On HANDED it is 1 less the share of needless hand-offs, on LEFT 1 less that of missed messages.
    """
    return share(right(verdicts)[judged(verdicts, side)], confidence)


def measure_agreement(verdicts: Verdicts, confidence: float) -> dict[str, Any]:
    """Return agreement as JSON-ready data.

    Returns:
        ``agreement`` (of all judged decisions), ``needless`` (of those handed over) and ``missed`` (of
        those left to the bot), each a share with its interval.
    """
    needed = verdicts.needed == 1
    return {
        "agreement": agreement(verdicts, None, confidence).to_dict(),
        "needless": share(~needed[judged(verdicts, HANDED)], confidence).to_dict(),
        "missed": share(needed[judged(verdicts, LEFT)], confidence).to_dict(),
    }


def by_action(verdicts: Verdicts, confidence: float) -> dict[str, Any]:
    """Return for each action how many decisions there are, how many are judged, and what agents say."""
    result: dict[str, Any] = {}
    for action in ACTIONS:
        own = verdicts.part(verdicts.actions == action)
        known = judged(own)
        result[action] = {
            "decisions": len(own.messages),
            "judged": int(known.sum()),
            "needed_a_person": share(own.needed[known] == 1, confidence).to_dict(),
        }
    return result
