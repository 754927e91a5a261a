"""The curves a threshold is chosen on, with the chosen point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from escalate.policy import LANGUAGES
from training.drawing import GREY, STYLES, legend_below, line_of, new_figure, percent_axes, plain_axes
from training.formatting import ALL, LANGUAGE_NAMES
from training.policy.aims import Capacity, Costs, Recall, mistakes
from training.policy.choosing import Choice, Wish
from training.policy.needs import Needs

Array = npt.NDArray[Any]

_MOST_POINTS: Final = 400
_FEWEST_JUDGED: Final = 20
_NAMES: Final = {ALL: "all messages", **LANGUAGE_NAMES}


def draw(needs: Needs, choice: Choice, wish: Wish, default: Array) -> dict[str, Figure]:
    """Return the figures of the report by file name.

    Args:
        needs: What the thresholds were chosen from.
        choice: The chosen policy.
        wish: What was wished of it.
        default: What the policy of the bundle does with the messages.
    """
    figures = {"hand_offs.png": hand_off_curve(needs, choice, wish, default)}
    if isinstance(wish.aim, Costs):
        figures["costs.png"] = cost_curve(needs, choice, wish.aim)
    return figures


def hand_off_curve(needs: Needs, choice: Choice, wish: Wish, default: Array) -> Figure:
    """Draw recall against the share handed over, a line for each language, with the chosen points."""
    figure, axes = new_figure("Hand-offs and recall at every threshold")
    if isinstance(wish.aim, Capacity):
        axes.axvline(min(1.0, wish.aim.share), color=GREY, linewidth=1, label="capacity")
    if isinstance(wish.aim, Recall):
        axes.axhline(wish.aim.share, color=GREY, linewidth=1, label="recall to hold")
    for language, rows in _parts(needs):
        own = needs.part(rows)
        must = np.sort(own.need[own.must == 1])
        every = np.sort(own.need)
        steps = np.concatenate([[0.0], mistakes(own)[0], [np.inf]])
        steps = steps[_thinned(len(steps))]
        axes.plot(_reached(every, steps), _reached(must, steps), label=_NAMES[language], **line_of(language))
        offer = np.array([choice.offer(language)])
        mixed = language == ALL and len(choice.offers) > 1
        handed = _handed_by_choice(needs, choice) if mixed else own.need >= offer
        _mark(axes, language, own, handed, filled=True)
        _mark(axes, language, own, default[rows] != "continue", filled=False)
    percent_axes(
        axes, "offered a person or escalated, of all messages", "recall of those that must reach one"
    )
    legend_below(figure, axes, "Marks: filled, the chosen policy; white, the bundle's default")
    return figure


def cost_curve(needs: Needs, choice: Choice, costs: Costs) -> Figure:
    """Draw the costs against the threshold, a line for each language, with the chosen points."""
    figure, axes = new_figure("Costs at every threshold")
    axes.axvline(costs.in_theory, color=GREY, linewidth=1, label=f"in theory ({costs.in_theory:.3f})")
    for language, rows in _parts(needs):
        own = needs.part(rows)
        thresholds, missed, needless = mistakes(own)
        cost = costs.per_thousand(own, missed, needless)
        shown = _thinned(len(thresholds))
        axes.plot(thresholds[shown], cost[shown], label=_NAMES[language], **line_of(language))
        if language in choice.offers:
            at = np.searchsorted(thresholds, choice.offers[language])
            axes.plot(choice.offers[language], cost[at], markersize=10, **_marker(language, filled=True))
    axes.set_xscale("logit")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("threshold: probability from which a person is offered")
    axes.set_ylabel("costs per 1,000 messages")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(0, _top(needs, choice, costs))
    plain_axes(axes)
    legend_below(figure, axes, "Marks: the chosen thresholds")
    return figure


def _parts(needs: Needs) -> Iterator[tuple[str, Array]]:
    """Yield all messages, then each language that has enough judged ones for a line."""
    yield ALL, np.arange(len(needs.need))
    for language in LANGUAGES:
        rows = np.flatnonzero(needs.languages == language)
        must = needs.must[rows]
        if (~np.isnan(must)).sum() >= _FEWEST_JUDGED and (must == 1).any():
            yield language, rows


def _top(needs: Needs, choice: Choice, costs: Costs) -> float:
    """Return a height of the axes that shows the valley, not only the slopes beside it."""
    thresholds, missed, needless = mistakes(needs)
    cost = costs.per_thousand(needs, missed, needless)
    chosen = cost[np.searchsorted(thresholds, choice.offers[ALL])]
    return float(1.2 * min(cost.max(), max(4 * chosen, cost[0])))


def _handed_by_choice(needs: Needs, choice: Choice) -> Array:
    handed: Array = needs.need >= [choice.offer(language) for language in needs.languages]
    return handed


def _reached(ordered: Array, thresholds: Array) -> Array:
    """Return the share of needs, in rising order, that reach each threshold."""
    share: Array = 1 - np.searchsorted(ordered, thresholds, side="left") / len(ordered)
    return share


def _thinned(count: int) -> Array:
    """Return at most _MOST_POINTS places among ``count``, the first and the last among them."""
    places: Array = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(int))
    return places


def _mark(axes: Axes, language: str, needs: Needs, handed: Array, *, filled: bool) -> None:
    recall = handed[needs.must == 1].mean()
    axes.plot(
        handed.mean(), recall, markersize=12 if language == ALL else 8, **_marker(language, filled=filled)
    )


def _marker(language: str, *, filled: bool) -> dict[str, Any]:
    color = STYLES[language]["color"]
    return {
        "marker": STYLES[language]["marker"],
        "color": color,
        "markerfacecolor": color if filled else "white",
        "linestyle": "none",
        "zorder": 3,
    }
