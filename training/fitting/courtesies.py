"""Greetings and signatures: one set that the network learns with, another to measure it with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Courtesies:
    """What people put before and after a message, by language."""

    greetings: Mapping[str, Sequence[str]]
    signatures: Mapping[str, Sequence[str]]


_SETS: Final = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

LEARNED: Final = Courtesies(**_SETS["learned"])
HELD_OUT: Final = Courtesies(**_SETS["held_out"])
