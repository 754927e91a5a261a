"""Decides which customer messages must reach a person.

    >>> from escalate import predict
    >>> predict("How do I reset my password?").action
    'continue'

``predict`` answers with the released model; ``Classifier`` loads any model and policy.
"""

from escalate.classifier import Classifier, predict
from escalate.errors import BundleError, EscalateError, MissingExtraError, PolicyError
from escalate.policy import Decision, Policy, Thresholds
from escalate.prediction import Prediction
from escalate.version import __version__

__all__ = [
    "BundleError",
    "Classifier",
    "Decision",
    "EscalateError",
    "MissingExtraError",
    "Policy",
    "PolicyError",
    "Prediction",
    "Thresholds",
    "__version__",
    "predict",
]
