"""The decision: from calibrated probabilities to continue, offer or escalate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from escalate.errors import PolicyError

Action = Literal["continue", "offer", "escalate"]
"""What the bot should do: go on, offer a person, or hand over to a person."""

Output = Literal["complexity", "negative_sentiment", "human_requested"]
"""The three yes/no questions of the annotation guidelines."""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
OUTPUTS: Final[tuple[Output, ...]] = get_args(Output)
LANGUAGES: Final = ("he", "ar", "cs", "en")
"""The languages the model answers in (ISO 639-1); every other text is ``other``."""

UNSUPPORTED_LANGUAGE: Final = "unsupported_language"
NO_WORDS: Final = "no_words"
TRUNCATED: Final = "truncated"


@dataclass(frozen=True)
class Thresholds:
    """The probabilities (0..1) from which each output asks for a person.

    A probability that equals its threshold reaches it. ``None`` switches the output off.
    """

    complexity: float | None
    negative_sentiment: float | None
    human_requested: float | None

    def __post_init__(self) -> None:
        """Refuse thresholds that are not numbers between 0 and 1."""
        for output in OUTPUTS:
            value = getattr(self, output)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise PolicyError(f"threshold {output}: {value!r} is not a number; use 0 to 1 or null")
            if not 0 <= value <= 1:
                raise PolicyError(f"threshold {output}: {value} is outside 0..1")

    def reached(self, probabilities: Mapping[Output, float]) -> tuple[Output, ...]:
        """Return the outputs whose probability reaches its threshold, in the order of OUTPUTS."""
        reached = []
        for output in OUTPUTS:
            threshold = getattr(self, output)
            if threshold is not None and probabilities[output] >= threshold:
                reached.append(output)
        return tuple(reached)


_PAIR_KEYS: Final = ("offer", "escalate")
_POLICY_KEYS: Final = (*_PAIR_KEYS, "languages", "unsupported")


def _refuse_unknown(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := sorted(set(data) - set(known)):
        raise PolicyError(f"{where}: unknown key {', '.join(unknown)}; known: {', '.join(known)}")


@dataclass(frozen=True)
class Decision:
    """An action and the reasons that led to it.

    A message that the model judged and leaves to the bot has none.
    """

    action: Action
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """Draws the border between bot and person.

    An output that reaches its ``escalate`` threshold hands the message over; one that reaches its
    ``offer`` threshold has the bot offer a person. ``languages`` may hold other thresholds for one
    language, as a pair of ``(offer, escalate)``. Text the model cannot judge (no words, a language
    outside the four) gets the action ``unsupported``; a message too long to be read whole gets at
    least ``offer``.
    """

    offer: Thresholds
    escalate: Thresholds
    languages: Mapping[str, tuple[Thresholds, Thresholds]] = field(default_factory=dict, hash=False)
    unsupported: Action = "offer"

    def __post_init__(self) -> None:
        """Refuse unknown languages and actions, and what is no pair of thresholds."""
        object.__setattr__(self, "languages", dict(self.languages))
        for name, pair in {"default": (self.offer, self.escalate), **self.languages}.items():
            if not isinstance(pair, tuple) or [type(part) for part in pair] != [Thresholds, Thresholds]:
                raise PolicyError(f"{name}: expected a pair of Thresholds (offer, escalate), not {pair!r}")
        unknown = sorted(set(self.languages) - set(LANGUAGES))
        if unknown:
            raise PolicyError(f"unknown languages {unknown}; known: {', '.join(LANGUAGES)}")
        if self.unsupported not in ACTIONS:
            raise PolicyError(f"unknown action {self.unsupported!r}; known: {', '.join(ACTIONS)}")

    def decide(
        self,
        probabilities: Mapping[Output, float],
        language: str,
        *,
        has_words: bool = True,
        truncated: bool = False,
    ) -> Decision:
        """Decide what to do with one message.

        Args:
            probabilities: Probability (0..1) of every output.
            language: ``he``, ``ar``, ``cs``, ``en`` or ``other``.
            has_words: False for a message without a single letter.
            truncated: True for a message that was too long to be read whole.

        Returns:
            The action and its reasons.
        """
        if not has_words:
            return Decision(self.unsupported, (NO_WORDS,))
        if language not in LANGUAGES:
            if truncated and self.unsupported == "continue":
                return Decision("offer", (UNSUPPORTED_LANGUAGE, TRUNCATED))
            return Decision(self.unsupported, (UNSUPPORTED_LANGUAGE,))
        offer, escalate = self.languages.get(language, (self.offer, self.escalate))
        if reasons := escalate.reached(probabilities):
            return Decision("escalate", reasons)
        if reasons := offer.reached(probabilities):
            return Decision("offer", reasons)
        return Decision("offer", (TRUNCATED,)) if truncated else Decision("continue", ())

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as JSON-ready data; ``Policy.from_dict`` reads it back."""
        return {
            "offer": asdict(self.offer),
            "escalate": asdict(self.escalate),
            "languages": {
                language: {"offer": asdict(offer), "escalate": asdict(escalate)}
                for language, (offer, escalate) in self.languages.items()
            },
            "unsupported": self.unsupported,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Policy:
        """Build a policy from the data of ``to_dict``.

        Raises:
            PolicyError: The data lacks a part, or holds an unknown name or value.
        """
        try:
            _refuse_unknown(data, _POLICY_KEYS, "policy")
            for language, pair in data.get("languages", {}).items():
                _refuse_unknown(pair, _PAIR_KEYS, language)
            return cls(
                offer=Thresholds(**data["offer"]),
                escalate=Thresholds(**data["escalate"]),
                languages={
                    language: (Thresholds(**pair["offer"]), Thresholds(**pair["escalate"]))
                    for language, pair in data.get("languages", {}).items()
                },
                unsupported=data.get("unsupported", "offer"),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise PolicyError(
                f"not a policy ({error}); it needs 'offer' and 'escalate', each with {', '.join(OUTPUTS)}"
            ) from error

    @classmethod
    def from_file(cls, path: str | Path) -> Policy:
        """Read a policy from a JSON file.

        Raises:
            PolicyError: The file is missing, is not JSON or does not hold a policy.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise PolicyError(f"cannot read the policy file {path}: {error.strerror}") from error
        except (RecursionError, ValueError) as error:
            raise PolicyError(f"{path} is not a JSON file: {error}") from error
        try:
            return cls.from_dict(data)
        except PolicyError as error:
            raise PolicyError(f"{path}: {error}") from error
