"""The letters of the languages, as ranges for a character class of a regular expression; in lower case."""

from typing import Final

LATIN: Final = "a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff"
HEBREW: Final = "\u05d0-\u05f2"
ARABIC: Final = "\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff\u0750-\u077f\u08a0-\u08c9"
