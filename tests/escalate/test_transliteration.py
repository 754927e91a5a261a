from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate import Classifier, Prediction
from escalate.bundle import load_bundle
from escalate.letters import LATIN
from escalate.policy import OUTPUTS
from escalate.text import normalise
from escalate.transliteration import Transliteration, consonants, sound

HEBREW = {"eifo": "איפה", "hamishloach": "המשלוח", "sheli": "שלי", "ani": "אני", "rotse": "רוצה"}
ARABIC = {"mish": "مش", "sha8al": "شغال", "3ayez": "عايز", "felosi": "فلوسي", "shahr": "شهر"}


def table(language: str, spellings: dict[str, str]) -> dict[str, str]:
    """Return the keys of spellings, as ``training.fitting.lexicon`` makes them."""
    heard = {sound(spelling, language): word for spelling, word in spellings.items()}
    words = {consonants(key, language): word for key, word in heard.items()} | heard
    return {key: word for key, word in words.items() if key}


TABLE = Transliteration({"he": table("he", HEBREW), "ar": table("ar", ARABIC)})


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("he", "eifo hamishloach sheli?", "איפה המשלוח שלי?"),
        ("he", "eyfo hamishlo'ah shelli??? 4711", "איפה המשלוח שלי??? 4711"),
        ("he", "ani rotzeh, ani rotze", "אני רוצה, אני רוצה"),
        ("ar", "mish sha8al", "مش شغال"),
        ("ar", "msh sha2aal 😡 3ayiz felousi", "مش شغال 😡 عايز فلوسي"),
        ("he", "שלום, eifo hamishloach", "שלום, איפה המשלוח"),
        # Without vowels, as many write.
        ("ar", "shhr felosi msh sha8l", "شهر فلوسي مش شغال"),
    ],
)
def test_spellings_of_one_sound_are_one_word(language: str, text: str, written: str) -> None:
    assert TABLE.write(text, language) == written


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("he", "ani rotse pizza kélev", "אני רוצה פיזז קלו"),
        ("he", "ani rotse shulchan", "אני רוצה שולחן"),
        ("ar", "mish sha8al khaled 7’addø", "مش شغال خالد خادد"),
    ],
)
def test_what_is_not_known_is_written_letter_by_letter(language: str, text: str, written: str) -> None:
    assert TABLE.write(text, language) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("3ayez 250le mish 000", "عايز 250ل مش 000"),
        ("mish sha8al iphone13", "مش شغال يبهون13"),
        ("mish sha8al https://example.com/kam a@example.com www.kam.com", None),
    ],
)
def test_numbers_and_addresses_stay(text: str, written: str | None) -> None:
    assert TABLE.write(text, "ar") == (written or text.replace("mish sha8al", "مش شغال"))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("he", "איפה ההודעה על המשלוח sheli"),
        ("ar", "وين الطلب مش mish"),
        ("he", "nemam signal"),
        ("he", "ani chci vratit balik prosim"),
        ("he", "4711 😡?"),
        ("he", ""),
        ("cs", "eifo hamishloach sheli"),
        ("en", "eifo hamishloach sheli"),
        ("other", "mish sha8al"),
    ],
)
def test_what_is_not_in_latin_letters_or_hardly_known_is_not_written(language: str, text: str) -> None:
    assert TABLE.write(text, language) is None


def test_without_a_table_nothing_is_written() -> None:
    assert Transliteration({}).write("eifo hamishloach sheli", "he") is None


@given(
    st.lists(st.sampled_from([*HEBREW, *ARABIC]) | st.text(alphabet="aéøcjqtšz'’`2379 -.@😡", max_size=12)),
    st.sampled_from(["he", "ar"]),
)
def test_a_text_is_written_whole_or_not_at_all(parts: list[str], language: str) -> None:
    found = TABLE.write(normalise(" ".join(parts)), language)
    kept = [part for part in (found or "").split() if "@" not in part]
    assert not re.search(f"[{LATIN}]", " ".join(kept))


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    for language in ("he", "ar", "cs", "en", "other"):
        TABLE.write(normalise(text), language)


@pytest.mark.parametrize("part", ["1'2'", "a1", "'", "eifo ", "00a"])
def test_a_long_text_takes_no_more_than_its_length(part: str) -> None:
    """Backtracking would take minutes here."""
    TABLE.write("eifo " + part * 20_000, "he")


@given(st.lists(st.sampled_from([*HEBREW, "xyzzy", "4711", "😡", ",", "?!"]), max_size=30))
def test_all_else_stays_where_it_is(parts: list[str]) -> None:
    found = TABLE.write(" ".join(parts), "he")
    if found is not None:
        for part, written in zip(parts, found.split(" "), strict=True):
            assert written == HEBREW.get(part, "חיזזי" if part == "xyzzy" else part)


@given(st.from_regex("[a-z0-9']{1,20}", fullmatch=True), st.sampled_from(["he", "ar"]))
def test_a_doubled_letter_does_not_change_a_sound(word: str, language: str) -> None:
    assert sound(re.sub("([bdlmnr])", r"\1\1", word), language) == sound(word, language)


def test_any_apostrophe_will_do() -> None:
    texts = ["mish sha8al 3'ayez", "mish sha8al 3’ayez", "mish sha8al 3`ayez"]
    assert len({TABLE.write(text, "ar") for text in texts}) == 1


@pytest.mark.parametrize(
    ("spelling", "language", "key"),
    [
        ("shahr", "ar", "shr"),
        ("shhr", "ar", "shr"),
        ("hamishloach", "he", "hmshla"),
        ("talabi", "ar", "tlb"),
        # Too little is left.
        ("ima", "he", ""),
        ("ana", "ar", ""),
    ],
)
def test_consonants_are_what_is_left_without_vowels(spelling: str, language: str, key: str) -> None:
    assert consonants(sound(spelling, language), language) == key


def test_a_table_is_read_as_it_was_written() -> None:
    for table in (TABLE, Transliteration({})):
        assert Transliteration.from_bytes(table.to_bytes()) == table


@pytest.mark.parametrize("data", [b"he\tani\n", b"cs\tano\tano\n", b"\xff", b"he\ta\tb\tc\n"])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Transliteration.from_bytes(data)


@pytest.fixture(scope="module")
def readers(released: Path) -> tuple[Classifier, Classifier]:
    """The released model with the table above, and without any."""
    bundle = load_bundle(released)
    return (
        Classifier(replace(bundle, transliteration=TABLE)),
        Classifier(replace(bundle, transliteration=Transliteration({}))),
    )


def log_odds(prediction: Prediction) -> list[float]:
    shares = [getattr(prediction, output) for output in OUTPUTS]
    return [math.log(share / (1 - share)) for share in shares]


@pytest.mark.parametrize("text", ["eifo hamishloach sheli", "3ayez felosi, mish sha8al!"])
def test_a_message_in_latin_letters_is_judged_by_the_mean_of_two_readings(
    readers: tuple[Classifier, Classifier], text: str
) -> None:
    both, once = readers
    read = both.predict(text)
    native = TABLE.write(normalise(text), read.language)
    assert native is not None
    assert once.predict(native).language == read.language
    readings = zip(log_odds(once.predict(text)), log_odds(once.predict(native)), strict=True)
    # Calibration is a straight line, so that the mean of logits is that of log odds.
    assert log_odds(read) == pytest.approx([sum(pair) / 2 for pair in readings], abs=1e-6)
    assert list(both.predict_many([text, "hello", text], workers=2))[::2] == [read, read]


@pytest.mark.parametrize(
    "text", ["איפה המשלוח שלי", "وين طلبي", "Kde je moje zásilka?", "I want to speak to a human", "qwrtz", ""]
)
def test_every_other_message_is_read_once(readers: tuple[Classifier, Classifier], text: str) -> None:
    both, once = readers
    assert both.predict(text) == once.predict(text)
