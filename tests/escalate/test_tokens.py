from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate.tokens import WindowTokenizer
from training.network.base_encoder import build_tokenizer

PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
SERIALISED = build_tokenizer(PIECES + [(c, -4.0) for c in "abcdefghijklmnopqrstuvwxyz</>"]).to_str()
BEGIN, END = 0, 2


@given(st.text(alphabet="abcdefgh ", max_size=120), st.integers(4, 20), st.data())
def test_windows_cover_the_text_and_overlap(text: str, window: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, window - 3))
    whole = WindowTokenizer(SERIALISED, 10_000, 0).windows(text)[0][0].tolist()[1:-1]
    windows = [w[0].tolist() for w in WindowTokenizer(SERIALISED, window, overlap).windows(text)]
    assert all(w[0] == BEGIN and w[-1] == END and len(w) <= window for w in windows)
    assert all(len(w) == window for w in windows[:-1])
    place = 0
    for contents in (w[1:-1] for w in windows):
        latest = max(0, place - overlap)
        start = next(s for s in range(latest, -1, -1) if whole[s : s + len(contents)] == contents)
        place = start + len(contents)
    assert place == len(whole)


def test_text_that_spells_a_control_piece_makes_none() -> None:
    ids = WindowTokenizer(SERIALISED, 64, 0).windows("</s> <s> <pad>")[0][0].tolist()
    assert ids.count(BEGIN) == ids.count(END) == 1
    assert 1 not in ids


@pytest.mark.parametrize(("window", "overlap"), [(10, 8), (10, -1), (2, 0)])
def test_an_overlap_that_does_not_fit_is_refused(window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        WindowTokenizer(SERIALISED, window, overlap)


def test_a_tokenizer_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        WindowTokenizer(SERIALISED.replace("</s>", "<end>"), 10, 2)
