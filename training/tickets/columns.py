"""Which column of a file of tickets holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from escalate.policy import OUTPUTS
from training.errors import TicketsError

FIELDS: Final = (
    "text",
    "id",
    "language",
    *OUTPUTS,
    "time",
    "group",
    "domain",
    "channel",
)
"""What a column can hold; ``time`` is when the message came, ``group`` what it must not be split from."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, and how the file is written.

    A field that is None is taken from the column of its own name, where the file has one. An empty
    name leaves the field out even there. Only the text is required.

    Attributes:
        text: The message.
        id: Its name, which no other row may have; without it, the number of its row.
        language: Its language; without it, what the released model reads.
        complexity: Label.
        negative_sentiment: Label.
        human_requested: Label.
        time: When it came: ISO 8601, or as ``time_format`` says.
        group: What keeps messages in one split, such as the customer or the conversation.
        domain: What it is about.
        channel: How it came.
        cuts: For a label column of scores, by output: the lowest score that means 1.
        time_format: Format of the time in the notation of ``strptime``; None for ISO 8601.
        encoding: Encoding of a CSV file without a byte order mark; None for UTF-8.
        delimiter: What stands between the cells of a CSV file; None to see it in the first row.
    """

    text: str = "text"
    id: str | None = None
    language: str | None = None
    complexity: str | None = None
    negative_sentiment: str | None = None
    human_requested: str | None = None
    time: str | None = None
    group: str | None = None
    domain: str | None = None
    channel: str | None = None
    cuts: Mapping[str, float] = field(default_factory=dict)
    time_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def find(self, names: Sequence[str]) -> dict[str, str]:
        """Return the column of every field that the file has.

        Args:
            names: The columns of the file.

        Raises:
            TicketsError: A named column is not there, there is no text, or a cut has no label column.
        """
        listed = ", ".join(names)
        found = {}
        for kind in FIELDS:
            name = getattr(self, kind)
            if name is None:
                name = kind if kind in names else ""
            if name and name not in names:
                option = f"--{kind.replace('_', '-')}"
                raise TicketsError(f"no column {name!r} for {option}; the columns are: {listed}")
            if name:
                found[kind] = name
        if "text" not in found:
            raise TicketsError(f"--text must name a column; the columns are: {listed}")
        if without := [output for output in self.cuts if output not in found]:
            raise TicketsError(
                f"--cut is given for {', '.join(without)}, which has no column; the columns are: {listed}"
            )
        return found
