"""The checks of a corpus; ``training.corpus.validation`` runs them all."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, TypeVar

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import LANGUAGES, OUTPUTS
from escalate.text import normalise
from training.corpus.language_check import agreement, wrong_script
from training.corpus.messages import (
    LABELS,
    SPLITS,
    Message,
    corpus_files,
    read_messages,
)
from training.corpus.near_duplicates import JACCARD, near_duplicates
from training.corpus.problems import Problem, error, warning
from training.corpus.statistics import (
    LENGTH_OUTPUTS,
    Numbers,
    beginnings,
    distinct_ngrams,
    fewest_of_a_label,
    length_auc,
)
from training.errors import CorpusError

DUPLICATE_SHARE: Final = 0.005
"""Most messages of a language that may have a duplicate or near duplicate in it."""

BEGINNING_SHARE: Final = 0.015
"""Most messages of a language that may begin with the same two words."""

LENGTH_AUC: Final[Mapping[str, float]] = dict(zip(LENGTH_OUTPUTS, (0.62, 0.58), strict=True))
"""Highest area under the ROC curve with which the number of words may tell a label."""

AGREEMENT: Final = 0.90
"""Least share of the longer messages about which a language library should agree."""

# Below these counts a share or an area is chance: it is reported, not judged.
_FEWEST: Final = 30
_FEWEST_BEGINNINGS: Final = 5
_SHOWN_LEAKS: Final = 10

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Row:
    """A message and where it is.

    Attributes:
        message: The message.
        split: Its split.
        file: Name of its file without ``.jsonl``.
        number: Its row in the file, from 1.
        text: Its normalised text.
    """

    message: Message
    split: str
    file: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """File and row."""
        return f"{self.split}/{self.file}.jsonl row {self.number}"

    def __str__(self) -> str:
        return f"{self.message.id} ({self.place})"


def read_rows(folder: Path) -> list[Row]:
    """Read a corpus with the place of every message.

    Raises:
        CorpusError: Files are missing or rows are wrong; those of all files are named.
    """
    rows, errors = [], []
    for split in SPLITS:
        try:
            files = corpus_files(folder, split)
        except CorpusError as caught:
            errors.append(str(caught))
            continue
        for path in files:
            try:
                messages = read_messages(path)
            except CorpusError as caught:
                errors.append(str(caught))
                continue
            rows += [
                Row(message, split, path.stem, number, normalise(message.text))
                for number, message in enumerate(messages, 1)
            ]
    if errors:
        raise CorpusError("\n".join(errors))
    if not rows:
        raise CorpusError(f"no messages in {folder}; its files are empty")
    return rows


def check_ids(rows: Sequence[Row]) -> Iterator[Problem]:
    """Require that no id occurs twice."""
    for name, same in grouped(rows, lambda row: row.message.id).items():
        if len(same) > 1:
            places = ", ".join(row.place for row in same)
            yield error("ids", f"the id {name} occurs {len(same)} times ({places}): give each its own")


def check_relations(rows: Sequence[Row]) -> Iterator[Problem]:
    """Require that groups, pairs and situations stay in one split."""
    for relation in ("group", "pair", "situation"):
        for (language, name), same in _related(rows, relation).items():
            splits = Counter(row.split for row in same)
            if len(splits) > 1:
                where = ", ".join(f"{split} {count}" for split, count in splits.items())
                yield error(
                    "splits",
                    f"{language}: the {relation} {name} is in more than one split ({where}): "
                    "put it into one, or split again",
                )


def check_pairs(rows: Sequence[Row]) -> Iterator[Problem]:
    """Require that a contrast pair is two messages that differ in one label."""
    for (language, name), same in _related(rows, "pair").items():
        ids = ", ".join(map(str, same[:4]))
        if len(same) != 2:
            yield error("pairs", f"{language}: the pair {name} has {len(same)} messages, not 2: {ids}")
            continue
        differing = [o for o in OUTPUTS if same[0].message.label(o) != same[1].message.label(o)]
        if len(differing) != 1:
            what = " and ".join(differing) or "no label"
            yield error(
                "pairs", f"{language}: the messages of pair {name} differ in {what}, not in one label: {ids}"
            )


def check_other(rows: Iterable[Row]) -> Iterator[Problem]:
    """Require that messages in other languages have no labels."""
    for row in rows:
        labels = [label for label in LABELS if row.message.label(label) is not None]
        if row.message.language == "other" and labels:
            yield error(
                "other", f"{row} is in another language but has {', '.join(labels)}: set them to null"
            )


def check_duplicates(rows: Sequence[Row]) -> tuple[Numbers, list[Problem]]:
    """Look for equal and nearly equal texts, across the splits and within a language.

    The two messages of a contrast pair may be nearly equal.
    """
    texts = grouped(rows, lambda row: row.text)
    alike: defaultdict[str, list[tuple[Row, Row, float]]] = defaultdict(list)
    across: set[Row] = set()
    problems = []
    for same in texts.values():
        for language, own in rows_by_language(same).items():
            alike[language] += [(own[0], other, 1.0) for other in own[1:]]
        if len({row.split for row in same}) > 1:
            across.update(same)
            places = ", ".join(map(str, same))
            problems.append(
                error("duplicates", f"the same text is in more than one split, as {places}: keep one of them")
            )
    for found in near_duplicates(texts):
        couples = [both for both in product(texts[found.first], texts[found.second]) if not _is_pair(*both)]
        for first, second in couples:
            if first.message.language == second.message.language:
                alike[first.message.language].append((first, second, found.jaccard))
        apart = [both for both in couples if both[0].split != both[1].split]
        across.update(row for both in apart for row in both)
        problems += [
            error(
                "duplicates",
                f"{first} and {second} are near duplicates in two splits (Jaccard {found.jaccard:.2f}, limit "
                f"{JACCARD:.2f}): rewrite one, or give both one group and split again",
            )
            for first, second in apart[:1]
        ]
    numbers = {}
    for language, own in rows_by_language(rows).items():
        pairs = alike[language]
        exact = {row for *both, _ in pairs for row in both if both[0].text == both[1].text}
        near = {row for *both, _ in pairs for row in both if both[0].text != both[1].text}
        share = len(exact | near) / len(own)
        numbers[language] = {
            "exact": len(exact),
            "near": len(near),
            "share": share,
            "across_splits": sum(row in across for row in own),
            "pairs": [[first.message.id, second.message.id, jaccard] for first, second, jaccard in pairs],
        }
        if share > DUPLICATE_SHARE:
            some = "; ".join(f"{first} and {second}" for first, second, _ in pairs[:3])
            problems.append(
                error(
                    "duplicates",
                    f"{language}: {share:.1%} of the messages have a duplicate or near duplicate in the "
                    f"language (limit {DUPLICATE_SHARE:.1%}), such as {some}: rewrite or drop some",
                )
            )
    return numbers, problems


def refuse_leaks(folder: Path) -> None:
    """Stop before training on a corpus whose splits share ids, relations or texts.

    Raises:
        CorpusError: They do; the first reasons are named.
    """
    rows = read_rows(folder)
    splits_of_text = {
        text: {row.split for row in own} for text, own in grouped(rows, lambda row: row.text).items()
    }
    shared = [text for text, splits in splits_of_text.items() if len(splits) > 1]
    reasons = [problem.text for problem in (*check_ids(rows), *check_relations(rows))]
    if shared:
        reasons.append(f"{len(shared)} texts are in more than one split")
    if reasons:
        raise CorpusError(
            "\n".join(reasons[:_SHOWN_LEAKS]) + "\nrun `python -m training validate` for all of them"
        )


def check_variety(languages: Mapping[str, Sequence[Message]]) -> tuple[Numbers, list[Problem]]:
    """Look for beginnings that too many messages of a language share, and count different runs of words."""
    numbers, problems = {}, []
    for language, messages in languages.items():
        common = beginnings(messages).most_common()
        numbers[language] = {
            "distinct_4_grams": distinct_ngrams(messages),
            "beginning": common[0][0] if common else None,
            "beginning_share": common[0][1] / len(messages) if common else None,
        }
        for beginning, count in common if language in LANGUAGES else ():
            share = count / len(messages)
            if count >= _FEWEST_BEGINNINGS and share > BEGINNING_SHARE:
                problems.append(
                    error(
                        "beginnings",
                        f"{language}: {share:.1%} of the messages begin with “{beginning}” (limit "
                        f"{BEGINNING_SHARE:.1%}): let some begin otherwise",
                    )
                )
    return numbers, problems


def check_lengths(languages: Mapping[str, Sequence[Message]]) -> tuple[Numbers, list[Problem]]:
    """Look for labels that the number of words gives away, in languages that have labels."""
    numbers: dict[str, dict[str, float | None]] = {}
    problems = []
    for language, messages in languages.items():
        numbers[language] = {output: length_auc(messages, output) for output in LENGTH_OUTPUTS}
        for output, limit in LENGTH_AUC.items():
            area = numbers[language][output]
            if area is not None and area > limit and fewest_of_a_label(messages, output) >= _FEWEST:
                problems.append(
                    error(
                        "length",
                        f"{language}: the number of words alone tells {output} with an AUC of {area:.3f} "
                        f"(limit {limit:.2f}): add messages whose length speaks against the label",
                    )
                )
    return numbers, problems


def check_languages(rows: Sequence[Row]) -> tuple[Numbers, list[Problem]]:
    """Compare the language column with the file, the script and a language library."""
    numbers = {}
    problems = [
        error("language", f"{row} has the language {row.message.language}: move it to that language's file")
        for row in rows
        if row.file in LANGUAGE_CLASSES and row.file != row.message.language
    ]
    for language, own in rows_by_language(rows).items():
        contradictions = [(row, reason) for row in own if (reason := wrong_script(row.message))]
        problems += [
            error("language", f"{row} is labelled {language} but {reason}: correct its language")
            for row, reason in contradictions
        ]
        asked, share = agreement([row.message for row in own])
        numbers[language] = {"contradictions": len(contradictions), "asked": asked, "agreement": share}
        if share is not None and share < AGREEMENT and asked >= _FEWEST:
            problems.append(
                warning(
                    "language",
                    f"{language}: a language library agrees about {share:.1%} of {asked:,} longer messages "
                    f"({AGREEMENT:.0%} is wanted): look for messages in another language",
                )
            )
    return numbers, problems


def held_out_texts(folder: Path) -> frozenset[str]:
    """Return the normalised texts of all ``.jsonl`` files in a folder.

    Raises:
        CorpusError: There are none or a row has no text.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise CorpusError(f"no .jsonl files in {folder}; --held-out needs a folder of such files")
    texts = set()
    for path in files:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as caught:
            raise CorpusError(f"cannot read {path}: {caught.strerror}") from caught
        for number, line in enumerate(lines, 1):
            try:
                texts.add(normalise(json.loads(line.decode("utf-8"))["text"]))
            except (ValueError, KeyError, TypeError, AttributeError):
                # The cause could quote the text, which nobody who writes the corpus may see.
                raise CorpusError(f"{path} row {number}: not a JSON object with a field text") from None
    return frozenset(texts)


def check_held_out(rows: Sequence[Row], texts: frozenset[str]) -> tuple[Numbers, list[Problem]]:
    """Require that no held-out text is in the corpus; only ids are named."""
    found = [row for row in rows if row.text in texts]
    numbers = {
        language: {"found": sum(row.text in texts for row in own)}
        for language, own in rows_by_language(rows).items()
    }
    return numbers, [error("held out", f"{row} is also among the held-out texts: drop it") for row in found]


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Return the rows by a key, in the order of the rows."""
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def rows_by_language(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each language there is, in the order of ``LANGUAGE_CLASSES``."""
    groups = grouped(rows, lambda row: row.message.language)
    return {language: groups[language] for language in LANGUAGE_CLASSES if language in groups}


def _related(rows: Iterable[Row], relation: str) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each group, pair or situation; names are those of one language."""
    related = [row for row in rows if getattr(row.message, relation) is not None]
    return grouped(related, lambda row: (row.message.language, getattr(row.message, relation)))


def _is_pair(first: Row, second: Row) -> bool:
    pairs = [(row.message.language, row.message.pair) for row in (first, second)]
    return pairs[0] == pairs[1] and first.message.pair is not None
