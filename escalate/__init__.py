"""Decides which customer messages must reach a person.

    >>> from escalate import predict
    >>> predict("How do I reset my password?").action
    'continue'

``predict`` answers with the released model; ``Classifier`` loads any model and policy;
``score_file`` scores a table of messages and needs the extra ``batch``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escalate.classifier import Classifier, predict
from escalate.errors import (
    BundleError,
    EscalateError,
    MissingExtraError,
    PolicyError,
    ScoringError,
    StoppedError,
)
from escalate.policy import Decision, Policy, Thresholds
from escalate.prediction import Prediction
from escalate.version import __version__

if TYPE_CHECKING:
    from escalate.scoring.run import score_file as score_file
else:

    def __getattr__(name: str) -> Any:
        """Import ``score_file`` when it is asked for: a bot needs nothing of what it imports."""
        if name != "score_file":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            from escalate.scoring.run import score_file
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"score_file (module {error.name})", "batch") from error
        return score_file


__all__ = [
    "BundleError",
    "Classifier",
    "Decision",
    "EscalateError",
    "MissingExtraError",
    "Policy",
    "PolicyError",
    "Prediction",
    "ScoringError",
    "StoppedError",
    "Thresholds",
    "__version__",
    "predict",
]
