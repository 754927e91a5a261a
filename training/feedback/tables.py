"""The tables of the report on verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from escalate.policy import OUTPUTS
from training.formatting import (
    ALL,
    ALL_LANGUAGES,
    LANGUAGE_NAMES,
    OUTPUT_NAMES,
    markdown_table,
    number,
    percent,
)

_NAMES: Final = {ALL: ALL_LANGUAGES, **LANGUAGE_NAMES}


def _part(name: str, numbers: Mapping[str, Any]) -> str:
    """Return the name of a part of the decisions; recent ones are all where nothing is earlier."""
    return name if len(numbers["parts"]) > 1 else "all"


def agreement_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of agreement, by language and part of the decisions."""
    rows = [
        [
            _NAMES[language],
            _part(part, numbers),
            *(_share(own[name]) for name in ("agreement", "missed", "needless")),
        ]
        for language in _NAMES
        for part, languages in numbers["parts"].items()
        if (own := languages.get(language))
    ]
    return ["", "decisions", "agreement", "missed", "needless"], rows


def action_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of what agents say, by the action taken."""
    rows = [
        [action, f"{own['decisions']:,}", f"{own['judged']:,}", _share(own["needed_a_person"])]
        for action, own in numbers["actions"].items()
    ]
    return ["action", "decisions", "judged", "needed a person"], rows


def calibration_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of calibration, by language and part of the decisions."""
    rows = []
    for language in _NAMES:
        for part, languages in numbers["parts"].items():
            own = languages.get(language)
            if not own or not own["calibration"]:
                continue
            found = own["calibration"] | own["errors"]
            chance = f"{number(found['chance']['mean'])}, {number(found['chance']['most'])}"
            rows.append(
                [
                    _NAMES[language],
                    _part(part, numbers),
                    percent(found["expected"]),
                    _share(found["observed"]),
                    estimate(found["brier"]),
                    estimate(found["error"]),
                    chance,
                ]
            )
    return ["", "decisions", "expected", "observed", "Brier score", "calibration error", "by chance"], rows


def period_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of agreement and calibration over time, all languages together."""
    rows = []
    for period in numbers["periods"]:
        own = period["languages"][ALL]
        cells = [number(None)] * 4
        if own["calibration"]:
            found = own["calibration"] | own["errors"]
            cells = [percent(found["expected"]), _share(found["observed"])]
            cells += [estimate(found["brier"]), estimate(found["error"])]
        rows.append([period["start"], _share(own["agreement"]), *cells])
    heads = ["agreement", "expected", "observed", "Brier score", "calibration error"]
    return [f"{numbers['unit']} from", *heads], rows


def language_period_rows(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and rows of agreement over time, by language."""
    shown = [
        language for language in LANGUAGE_NAMES if any(language in p["languages"] for p in numbers["periods"])
    ]
    rows = [
        [
            period["start"],
            *(
                _share(period["languages"][name]["agreement"])
                if name in period["languages"]
                else number(None)
                for name in shown
            ),
        ]
        for period in numbers["periods"]
    ]
    return [f"{numbers['unit']} from", *(LANGUAGE_NAMES[name] for name in shown)], rows


def inputs_table(numbers: Mapping[str, Any]) -> str:
    """Return how recent messages differ from others, as Markdown."""
    columns = numbers["inputs"]
    rows: list[list[str]] = [["messages", *(_pair(own["messages"], ",") for own in columns.values())]]
    for language, name in LANGUAGE_NAMES.items():
        rows.append([name, *(_pair(own["languages"][language], ".1%") for own in columns.values())])
    rows.append(["stability index of languages", *(number(own["stability"], 2) for own in columns.values())])
    rows.append(["median words", *(_pair(own["words"], "g") for own in columns.values())])
    rows.append(["distance of lengths", *(number(own["words_distance"], 2) for own in columns.values())])
    rows.append(["unknown pieces", *(_pair(own["unknown"], ".2%") for own in columns.values())])
    rows.append(["pieces per word", *(_pair(own["pieces"], ".2f") for own in columns.values())])
    for language in next(iter(columns.values()))["told_apart"]:
        areas = [own["told_apart"][language] for own in columns.values()]
        rows.append([f"told apart, {LANGUAGE_NAMES[language]}", *(estimate(area) for area in areas)])
    if numbers["scores"]:
        for output in OUTPUTS:
            distance = number(numbers["scores"][output], 2)
            rows.append([f"distance of scores, {OUTPUT_NAMES[output]}", number(None), distance])
    return markdown_table(rows, ["recent decisions and", *columns])


def _pair(values: Sequence[float], form: str) -> str:
    return " and ".join(format(value, form) for value in values)


def _share(own: Mapping[str, Any]) -> str:
    if not own["count"]:
        return number(None)
    return f"{percent(own['value'])} ({100 * own['low']:.1f}–{100 * own['high']:.1f}; n={own['count']:,})"


def estimate(own: Mapping[str, float] | None) -> str:
    """Return a number with its interval; None is too few to measure."""
    if own is None:
        return "too few"
    return f"{number(own['value'])} ({number(own['low'])}–{number(own['high'])})"
