"""What a policy is to reach: the lowest costs, a capacity to keep within, or a recall to hold.

All three choose one threshold for the three probabilities. They are calibrated, so the same threshold
weighs a missed escalation alike whatever the reason for it; three thresholds of their own would be
fitted to fewer messages each and gain nothing as long as a miss costs the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from training.errors import AimError
from training.policy.default_policy import floor, highest_threshold
from training.policy.needs import Needs

Array = npt.NDArray[Any]

# Without this allowance 0.95 of 20 messages would be 20 of them, for 0.95 is no exact number.
_ROUNDING: Final = 1e-9


class Aim(Protocol):
    """Chooses the threshold from which a person is offered."""

    def threshold(self, needs: Needs) -> float:
        """Return the threshold (0..1) that comes nearest to the aim."""

    def check(self, needs: Needs) -> None:
        """Raise AimError where no threshold reaches the aim."""

    def beside(self, rest: Needs, threshold: float, messages: int) -> Aim:
        """Return the aim of each of the languages that have thresholds of their own.

        Args:
            rest: The messages that are in none of those languages.
            threshold: The threshold for them.
            messages: How many messages there are in all.
        """

    def describe(self) -> str:
        """Say the aim in words."""


@dataclass(frozen=True)
class Costs:
    """The lowest expected costs.

    Attributes:
        missed: What it costs when a message that must reach a person does not; above 0.
        hand_off: What it costs when a person gets a message that needs none; above 0.
    """

    missed: float
    hand_off: float

    @property
    def in_theory(self) -> float:
        """The probability of needing a person from which handing over is cheaper.

        Source: C. Elkan, "The foundations of cost-sensitive learning", 2001, equation 2.
        """
        return self.hand_off / (self.hand_off + self.missed)

    def threshold(self, needs: Needs) -> float:
        """Return, of the thresholds within one standard error of the cheapest, the nearest to theory.

        The cheapest alone would follow chance: where a miss is dear, a handful of messages decides it.
        It may well lie below theory: a message can need a person for one reason or another, which is
        likelier than the likeliest of the three alone, and the policy sees only that one.

        Source of the rule: L. Breiman et al., "Classification and regression trees", 1984, section 3.4.3.
        """
        thresholds, missed, needless = mistakes(needs)
        costs = self.missed * missed + self.hand_off * needless
        best = costs.argmin()
        # Two thresholds differ in the messages whose need is between them, by the cost of each.
        variance = self.missed**2 * abs(missed - missed[best]) + self.hand_off**2 * abs(
            needless - needless[best]
        )
        kept = costs - costs[best] <= np.sqrt(variance)
        below = np.concatenate([[-np.inf], thresholds[:-1]])
        nearest = np.where(
            (below < self.in_theory) & (self.in_theory <= thresholds), self.in_theory, thresholds
        )
        return floor(nearest[kept][abs(nearest[kept] - self.in_theory).argmin()])

    def per_thousand(self, needs: Needs, missed: Array, needless: Array) -> Array:
        """Return the costs of so many mistakes per 1,000 judged messages."""
        costs: Array = (
            1000 * (self.missed * missed + self.hand_off * needless) / np.sum(~np.isnan(needs.must))
        )
        return costs

    def check(self, needs: Needs) -> None:
        """Accept: some threshold is always the cheapest."""

    def beside(self, rest: Needs, threshold: float, messages: int) -> Aim:
        """Return the same aim: it holds for any messages."""
        return self

    def describe(self) -> str:
        """Say the aim in words."""
        return (
            f"lowest costs, a missed escalation at {self.missed:g} and a needless hand-off at"
            f" {self.hand_off:g}"
        )


@dataclass(frozen=True)
class Capacity:
    """The most messages handed over that the staff can take.

    Attributes:
        hand_offs: Most hand-offs a day, offers included.
        volume: Messages a day; above 0.
    """

    hand_offs: float
    volume: float

    @property
    def share(self) -> float:
        """The share of all messages that may be handed over."""
        return self.hand_offs / self.volume

    def threshold(self, needs: Needs) -> float:
        """Return the lowest threshold that keeps within the capacity, else 1."""
        thresholds = _steps(needs)
        handed = len(needs.need) - _below(needs.need, thresholds)
        within = thresholds[handed <= self.share * len(needs.need) + _ROUNDING]
        return floor(within[0]) if len(within) else 1.0

    def check(self, needs: Needs) -> None:
        """Raise AimError where more than the capacity is handed over at any threshold."""
        least = float((needs.need >= 1).mean())
        if least > self.share:
            raise AimError(
                f"{self.hand_offs:,.0f} hand-offs a day at {self.volume:,g} messages cannot be kept:"
                f" {least:.1%} ask for a person or cannot be judged, and are handed over at any threshold;"
                f" raise --capacity to at least {math.ceil(least * self.volume - _ROUNDING)} a day"
            )

    def beside(self, rest: Needs, threshold: float, messages: int) -> Aim:
        """Return the same share for every language of what the rest leaves of the capacity."""
        left = self.share * messages - (rest.need >= threshold).sum()
        return Capacity(max(0.0, left / (messages - len(rest.need))) * self.volume, self.volume)

    def describe(self) -> str:
        """Say the aim in words."""
        return f"at most {self.hand_offs:g} hand-offs a day at {self.volume:g} messages a day"


@dataclass(frozen=True)
class Recall:
    """The fewest hand-offs that hold a recall.

    Attributes:
        share: Of the messages that must reach a person, how many do; above 0, at most 1.
    """

    share: float

    def threshold(self, needs: Needs) -> float:
        """Return the highest threshold that holds the recall, else 0; 1 where nothing must reach a person."""
        must = needs.need[needs.must == 1]
        return float(np.clip(highest_threshold(must, self.share), 0, 1)) if len(must) else 1.0

    def check(self, needs: Needs) -> None:
        """Raise AimError where the recall is not held even by handing over all that can be."""
        must = needs.need[needs.must == 1]
        most = float((must >= 0).mean())
        if most < self.share - _ROUNDING:
            raise AimError(
                f"a recall of {self.share:.1%} cannot be held: {1 - most:.1%} of the messages that must reach"
                " a person cannot be judged by the model, and its policy lets the bot continue with those;"
                " allow a lower --recall"
            )

    def beside(self, rest: Needs, threshold: float, messages: int) -> Aim:
        """Return the same aim: it holds for any messages."""
        return self

    def describe(self) -> str:
        """Say the aim in words."""
        return f"a recall of {self.share:.1%} of the messages that must reach a person"


def mistakes(needs: Needs) -> tuple[Array, Array, Array]:
    """Return the thresholds between which anything changes, rising, and what each gets wrong.

    Returns:
        The thresholds, and for each the number of judged messages that are missed, and that are handed
        over without need; all of shape (thresholds,).
    """
    thresholds = _steps(needs)
    not_needed = needs.need[needs.must == 0]
    missed = _below(needs.need[needs.must == 1], thresholds)
    return thresholds, missed, len(not_needed) - _below(not_needed, thresholds)


def _steps(needs: Needs) -> Array:
    """Return, rising, every threshold at which one message more is left to the bot, and 1."""
    finite = needs.need[np.isfinite(needs.need)]
    steps: Array = np.unique(np.append(finite, 1.0))
    return steps


def _below(need: Array, thresholds: Array) -> Array:
    """Return for each threshold how many of the needs are below it."""
    counts: Array = np.searchsorted(np.sort(need), thresholds, side="left")
    return counts
