"""``python -m training datasheet``: the tables in a corpus' README.md and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.balance_figure import write_figure
from training.corpus.messages import (
    SPLITS,
    Message,
    read_disputed,
    read_split,
)
from training.corpus.statistics import (
    LABEL_SHARES,
    LENGTH_OUTPUTS,
    LENGTH_SHARES,
    balance,
    by_language,
    kappa,
    length_auc,
    second_labelled,
    shares,
    sizes,
)
from training.errors import CorpusError
from training.files import whole_file, write_whole
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES, markdown_table, number, percent

README: Final = "README.md"
FIGURE: Final = "balance.png"
BEGIN: Final = "<!-- tables: begin -->"
END: Final = "<!-- tables: end -->"

_TOP_STYLES: Final = 8

Languages = Mapping[str, Sequence[Message]]


def write_datasheet(folder: Path) -> list[Path]:
    """Write the tables between the markers of README.md, and balance.png.

    Args:
        folder: The corpus; its README.md has a line ``<!-- tables: begin -->`` and, below it, a line
            ``<!-- tables: end -->``.

    Returns:
        The files written.

    Raises:
        CorpusError: The corpus cannot be read, README.md is missing or lacks the markers, or a file
            cannot be written.
    """
    readme, figure = folder / README, folder / FIGURE
    before, after = _around_tables(readme)
    splits = {split: read_split(folder, split) for split in SPLITS}
    text = f"{before}{BEGIN}\n\n{tables(splits, read_disputed(folder))}\n\n{END}{after}"
    messages = [message for part in splits.values() for message in part]
    with whole_file(figure) as temporary:
        write_figure(messages, temporary)
    write_whole(readme, text)
    return [readme, figure]


def tables(splits: Mapping[str, Sequence[Message]], disputed: Sequence[Message] = ()) -> str:
    """Return the tables of the datasheet as GitHub Markdown.

    Args:
        splits: Messages by split.
        disputed: Messages on which two annotators differed; they count for their agreement only.
    """
    languages = by_language(message for part in splits.values() for message in part)
    labelled = {language: own for language, own in languages.items() if language in LANGUAGES}
    twice = by_language([*(message for own in labelled.values() for message in own), *disputed])
    parts = [
        ("Messages per language and split:", _sizes(splits, languages)),
        ("Labels of the tickets (the messages that are not public):", _labels(labelled)),
        ("Channels, and the public ones (reviews, social media, surveys) together:", _channels(languages)),
        ("Lengths:", _lengths(languages)),
        ("Variety:", _variety(languages)),
        ("Commonest styles:", _styles(languages)),
        ("Messages labelled by a second annotator, and agreement (Cohen's kappa):", _kappas(twice)),
        ("How well the number of words alone tells a label (AUC, 0.5 is chance):", _length_aucs(labelled)),
    ]
    return "\n\n".join(f"{caption}\n\n{table}" for caption, table in parts)


def _around_tables(readme: Path) -> tuple[str, str]:
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise CorpusError(
            f"cannot read {readme}: {error.strerror}; write it with the lines {BEGIN} and {END}"
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{readme} is not UTF-8 ({error.reason} at byte {error.start})") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise CorpusError(f"{readme} needs the line {BEGIN} and, below it, the line {END}, each once")
    return before, after


def _sizes(splits: Mapping[str, Sequence[Message]], languages: Languages) -> str:
    rows = [
        [
            LANGUAGE_NAMES[language],
            *(f"{sum(m.language == language for m in part):,}" for part in splits.values()),
            f"{len(own):,}",
        ]
        for language, own in languages.items()
    ]
    totals = [len(part) for part in splits.values()]
    rows.append(["all", *(f"{total:,}" for total in (*totals, sum(totals)))])
    return markdown_table(rows, ["", *splits, "all"])


def _labels(languages: Languages) -> str:
    rows = []
    for language, own in languages.items():
        numbers = balance(own)
        tickets = f"{numbers['tickets']:,}"
        rows.append([LANGUAGE_NAMES[language], tickets, *(percent(numbers[name]) for name in LABEL_SHARES)])
    return markdown_table(rows, ["", "tickets", *LABEL_SHARES.values()])


def _channels(languages: Languages) -> str:
    channels = list(shares(message.channel for own in languages.values() for message in own))
    rows = []
    for language, own in languages.items():
        found = shares(message.channel for message in own)
        cells = [*(found.get(channel, 0.0) for channel in channels), balance(own)["public"]]
        rows.append([LANGUAGE_NAMES[language], *map(percent, cells)])
    return markdown_table(rows, ["", *channels, "public"])


def _lengths(languages: Languages) -> str:
    rows = []
    for language, own in languages.items():
        numbers = balance(own)
        rows.append([LANGUAGE_NAMES[language], *(percent(numbers[name]) for name in LENGTH_SHARES)])
    return markdown_table(rows, ["", *LENGTH_SHARES.values()])


def _variety(languages: Languages) -> str:
    names = ("pairs", "groups", "situations", "domains", "styles")
    rows = []
    for language, own in languages.items():
        numbers = sizes({"all": own})
        rows.append([LANGUAGE_NAMES[language], *(f"{numbers[name]:,}" for name in names)])
    return markdown_table(rows, ["", "contrast pairs", *names[1:]])


def _styles(languages: Languages) -> str:
    rows = []
    for language, own in languages.items():
        top = list(shares(message.style for message in own).items())[:_TOP_STYLES]
        rows.append([LANGUAGE_NAMES[language], ", ".join(f"{style} {share:.0%}" for style, share in top)])
    return markdown_table(rows, ["", "styles"])


def _kappas(languages: Languages) -> str:
    rows = [
        [
            LANGUAGE_NAMES[language],
            f"{sum(map(second_labelled, own)):,}",
            *(number(kappa(own, output)) for output in OUTPUTS),
        ]
        for language, own in languages.items()
    ]
    return markdown_table(rows, ["", "messages", *OUTPUT_NAMES.values()])


def _length_aucs(languages: Languages) -> str:
    rows = [
        [LANGUAGE_NAMES[language], *(number(length_auc(own, output)) for output in LENGTH_OUTPUTS)]
        for language, own in languages.items()
    ]
    return markdown_table(rows, ["", *(OUTPUT_NAMES[output] for output in LENGTH_OUTPUTS)])
