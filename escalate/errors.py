"""Errors that escalate raises on purpose. Each message names the cause and the remedy."""

from __future__ import annotations


class EscalateError(Exception):
    """Base class of the errors that escalate raises on purpose."""


class BundleError(EscalateError):
    """A model bundle is missing, incomplete, altered or made for another version."""


class PolicyError(EscalateError, ValueError):
    """A policy holds an unknown name or a threshold outside 0..1."""


class MissingExtraError(EscalateError, ImportError):
    """An optional part of escalate was used without the packages it needs."""

    def __init__(self, feature: str, extra: str) -> None:
        """Say which feature was used and which extra installs what it needs."""
        super().__init__(f"{feature} needs more packages: pip install 'escalate-nlp[{extra}]'")


class StoppedError(EscalateError):
    """Answers ended early, because whoever asked for them wants no more."""

    def __init__(self) -> None:
        """Say what is missing."""
        super().__init__("stopped before all texts were scored; ask again for the others")


class ScoringError(EscalateError):
    """A file cannot be scored: its input, its output, an option or an unfinished run is in the way."""
