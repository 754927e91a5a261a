"""What the classifier answers about one message."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from escalate.policy import Action


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer about one message.

    Attributes:
        complexity: Calibrated probability (0..1) that the bot cannot settle the request in one
            standard step.
        negative_sentiment: Calibrated probability (0..1) that the writer shows negative feeling.
        human_requested: Calibrated probability (0..1) that the writer asks for a person.
        language: ``he``, ``ar``, ``cs``, ``en`` or ``other``.
        supported: False when the message has no words or is in none of the four languages. The
            three probabilities are then the base rates of the training data: nothing is known.
        truncated: True when the message was too long to be read whole: its beginning and its end
            were read, and the action is at least ``offer``.
        action: ``continue``, ``offer`` or ``escalate``.
        reasons: Names of the outputs that led to the action, or ``no_words``,
            ``unsupported_language``, ``truncated``; empty when a supported message is left to the bot.
        model: Version of the model that answered.
    """

    complexity: float
    negative_sentiment: float
    human_requested: float
    language: str
    supported: bool
    truncated: bool
    action: Action
    reasons: tuple[str, ...]
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data, ``reasons`` as a list."""
        return {**asdict(self), "reasons": list(self.reasons)}
