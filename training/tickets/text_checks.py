"""Checks of the texts of own tickets.

Real data are not written to measure: what the project's own corpus must not have, such as duplicates,
is a warning here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from random import Random
from typing import Any, Final

from ftfy.badness import is_bad

from escalate.policy import LANGUAGES, OUTPUTS
from escalate.text import normalise
from training.corpus.checks import AGREEMENT, LENGTH_AUC, check_variety
from training.corpus.language_check import agreement, wrong_script
from training.corpus.problems import Problem, warning
from training.corpus.statistics import Numbers, by_language, fewest_of_a_label, length_auc
from training.tickets.personal_data import KINDS, count_personal_data
from training.tickets.reading import Tickets

BEGINNING_SHARE: Final = 0.1
"""Share of messages of a language with the same first two words from which on they are warned of; a
common greeting stays beneath it."""

DUPLICATE_SHARE: Final = 0.05
"""Share of messages with a duplicate from which on they are warned of."""

NUMBER_SHARE: Final = 0.9
"""Share of ids or groups that look like numbers of persons, above which they are taken for such. Order
numbers of ten digits look like phone numbers in half of the cases."""

MOST_NAMES: Final = 2000
"""Of more different ids or groups so many are looked at, drawn at random."""

_CERTAIN: Final = frozenset(("e-mail", "IBAN"))
_FEWEST: Final = 30
_SHOWN_ROWS: Final = 8


def check_duplicates(
    tickets: Tickets, alike: Iterable[Set[str]]
) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Count equal and nearly equal texts and look for equal texts with contradictory labels.

    Args:
        tickets: The tickets.
        alike: What ``training.tickets.splitting.nearly_equal`` returns of them.
    """
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    for i, message in enumerate(tickets.messages):
        rows_of[normalise(message.text)].append(i)
    same = {text: positions for text, positions in rows_of.items() if len(positions) > 1}
    exact = {i for positions in same.values() for i in positions}
    near = {i for texts in alike for text in texts for i in rows_of[text]} - exact
    numbers = {}
    for language in by_language(tickets.messages):
        own = {i for i, message in enumerate(tickets.messages) if message.language == language}
        numbers[language] = {
            "exact": len(own & exact),
            "near": len(own & near),
            "share": len(own & (exact | near)) / len(own),
        }
    problems = []
    share = len(exact | near) / len(tickets.messages)
    if share > DUPLICATE_SHARE:
        problems.append(
            warning(
                "duplicates",
                f"{share:.1%} of the messages have an equal ({len(exact):,}) or nearly equal ({len(near):,}) "
                "text among them; they stay in one split, but weigh more in training: drop templates and "
                "forwarded copies",
            )
        )
    for output in OUTPUTS:
        labels = {
            text: {tickets.messages[i].label(output) for i in positions} - {None}
            for text, positions in same.items()
        }
        disputed = [positions for text, positions in same.items() if len(labels[text]) > 1]
        if disputed:
            rows = [tickets.rows[i] for positions in disputed for i in positions]
            problems.append(
                warning(
                    "contradictions",
                    f"equal texts with different labels of {output}: {len(disputed):,} ({_rows(rows)}); "
                    "correct them, or empty the cells",
                )
            )
    return numbers, problems


def check_personal_data(tickets: Tickets) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Count personal data in texts by kind; only the numbers of rows are named."""
    values: Counter[str] = Counter()
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for message, row in zip(tickets.messages, tickets.rows, strict=True):
        for kind, count in count_personal_data(message.text, message.language).items():
            values[kind] += count
            rows[kind].append(row)
    numbers: dict[str, dict[str, Any]] = {
        kind: {"found": values[kind], "rows": rows[kind]} for kind in KINDS if values[kind]
    }
    problems = [
        warning(
            "personal data",
            f"{_count(values[kind], kind)} in {_rows(found['rows'])}: mask them before you share the file; "
            "the model needs none of them",
        )
        for kind, found in numbers.items()
    ]
    return numbers, problems


def check_names(tickets: Tickets) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Look for ids and groups that are e-mails or numbers of a person, and count them by column and kind."""
    numbers: dict[str, dict[str, Any]] = {}
    problems = []
    for field in ("id", "group"):
        column = tickets.columns.get(field)
        if column is None or column in numbers:
            continue
        every = sorted({getattr(message, field) for message in tickets.messages} - {None})
        names = Random(1).sample(every, min(MOST_NAMES, len(every)))
        kinds = [set(count_personal_data(name, None)) for name in names]
        # A number may look like one of another kind by chance, so that all kinds count together.
        numeric = sum(bool(own - _CERTAIN) for own in kinds) > NUMBER_SHARE * len(names)
        counts = Counter(kind for own in kinds for kind in own)
        found = {kind: counts[kind] for kind in KINDS if counts[kind] and (numeric or kind in _CERTAIN)}
        numbers[column] = found
        problems += [
            warning(
                "personal data",
                f"{_count(count, kind)} among {len(names):,} different values of the column {column!r}: "
                "replace them by names that say nothing before you share the file",
            )
            for kind, count in found.items()
        ]
    return numbers, problems


def check_languages(tickets: Tickets) -> Iterator[Problem]:
    """Look for wrong languages, languages the model does not know, and texts decoded wrongly."""
    messages, rows = tickets.messages, tickets.rows
    if "language" in tickets.columns:
        wrong = [row for message, row in zip(messages, rows, strict=True) if wrong_script(message)]
        if wrong:
            yield warning(
                "language", f"the letters contradict the language in {_rows(wrong)}: correct the column"
            )
        for language, own in by_language(messages).items():
            asked, share = agreement(own)
            if share is not None and share < AGREEMENT and asked >= _FEWEST:
                yield warning(
                    "language",
                    f"{language}: a language library agrees about {share:.1%} of {asked:,} longer messages "
                    f"({AGREEMENT:.0%} is wanted): look for messages in another language",
                )
    other = [row for message, row in zip(messages, rows, strict=True) if message.language == "other"]
    if other:
        yield warning(
            "language",
            f"in none of the four languages ({', '.join(LANGUAGES)}) or without words, so that labels are "
            f"not used: {_rows(other)}",
        )
    garbled = [
        row
        for message, row in zip(messages, rows, strict=True)
        if "\ufffd" in message.text or is_bad(message.text)
    ]
    if garbled:
        yield warning(
            "encoding",
            f"decoded with a wrong encoding, it seems: {_rows(garbled)}; export the file again, or name its "
            "encoding with --encoding",
        )


def check_beginnings(tickets: Tickets) -> tuple[Numbers, list[Problem]]:
    """Count different runs of words, and look for a beginning that many messages of a language share."""
    languages = by_language(tickets.messages)
    # Its problems are those of texts written to measure.
    numbers, _ = check_variety(languages)
    problems = []
    for language, own in languages.items():
        share = numbers[language]["beginning_share"] or 0.0
        if len(own) >= _FEWEST and share > BEGINNING_SHARE:
            problems.append(
                warning(
                    "beginnings",
                    f"{language}: {share:.1%} of the messages begin with “{numbers[language]['beginning']}” "
                    f"(limit {BEGINNING_SHARE:.0%}): forms and automatic texts teach their wording; keep "
                    "what the customer wrote",
                )
            )
    return numbers, problems


def check_lengths(tickets: Tickets) -> Iterator[Problem]:
    """Look for labels that the number of words gives away."""
    for language, own in by_language(tickets.messages).items():
        for output, limit in LENGTH_AUC.items():
            area = length_auc(own, output)
            if area is not None and area > limit and fewest_of_a_label(own, output) >= _FEWEST:
                yield warning(
                    "length",
                    f"{language}: the number of words alone tells {output} with an AUC of {area:.2f} (limit "
                    f"{limit:.2f}): a model may learn the length; see whether the labels are about the "
                    "message itself",
                )


def check_rows(tickets: Tickets) -> Iterator[Problem]:
    """Name rows without a text or a time."""
    if tickets.without_text:
        yield warning("rows", f"left out, because there is no text: {_rows(tickets.without_text)}")
    if "time" in tickets.columns:
        missing = [row for row, time in zip(tickets.rows, tickets.times, strict=True) if time is None]
        if missing:
            yield warning(
                "rows", f"no split by time is possible, because there is no time in {_rows(missing)}"
            )


def _rows(rows: Iterable[int]) -> str:
    numbers = sorted(rows)
    shown = ", ".join(map(str, numbers[:_SHOWN_ROWS]))
    if len(numbers) == 1:
        return f"row {shown}"
    more = f", … ({len(numbers):,} in all)" if len(numbers) > _SHOWN_ROWS else ""
    return f"rows {shown}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
