"""Reorders the channels of a network; their order does not change what it computes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from training.errors import BaseEncoderError
from training.network.early_exit import Network, members
from training.network.model import EscalationModel

# The least of a fine-tuned channel to its own in the base was .74, by other weights than those below .27.
_LEAST_SIMILARITY: Final = 0.5


def layers_of(model: Network) -> list[Any]:
    """Return the layers of a network, those that its members share only once."""
    return list(dict.fromkeys(layer for member in members(model) for layer in member.encoder.encoder.layer))


def reorder_hidden(model: Network, order: Tensor) -> None:
    """Put the hidden channels, which all layers share, in another order.

    Args:
        model: The network, changed in place.
        order: Which old channel each new one is, shape (hidden,).
    """
    tables: Any = members(model)[0].encoder.embeddings
    for table in (tables.word_embeddings, tables.position_embeddings, tables.token_type_embeddings):
        _reorder(table, order, 1)
    _reorder(tables.LayerNorm, order, 0)
    for layer in layers_of(model):
        attention = layer.attention.self
        for reader in (attention.query, attention.key, attention.value, layer.intermediate.dense):
            _reorder(reader, order, 1)
        for writer in (layer.attention.output.dense, layer.output.dense):
            _reorder(writer, order, 0)
        for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
            _reorder(norm, order, 0)
    for member in members(model):
        for head in (member.outputs, member.language):
            _reorder(head, order, 1)


def reorder_intermediate(layer: Any, order: Tensor) -> None:
    """Put the intermediate channels of one layer in another order.

    Args:
        layer: The layer, changed in place.
        order: Which old channel each new one is, shape (intermediate,).
    """
    _reorder(layer.intermediate.dense, order, 0)
    _reorder(layer.output.dense, order, 1)


def align(
    model: EscalationModel, pieces: Mapping[str, int], like: EscalationModel, like_pieces: Mapping[str, int]
) -> EscalationModel:
    """Return a copy of a network with the order of channels and the embeddings of another one.

    Only then can their weights be averaged: a bundle has its channels in an order of its own
    (``training.network.outliers``). Token embeddings are not trained, so they show which hidden channel is
    which; an intermediate channel is known by what it writes, which training turns little.

    Args:
        model: The network.
        pieces: Its vocabulary: the row of each piece.
        like: The other network.
        like_pieces: The vocabulary of that.

    Raises:
        BaseEncoderError: The two do not come from one base encoder.
    """
    shared = sorted(pieces.keys() & like_pieces.keys())
    if not shared or _shape(model) != _shape(like):
        raise _other_base("they have other sizes or no piece in common")
    aligned, result = copy.deepcopy(model), copy.deepcopy(like)
    words = model.encoder.embeddings.word_embeddings.weight[[pieces[piece] for piece in shared]]
    like_words = like.encoder.embeddings.word_embeddings.weight[[like_pieces[piece] for piece in shared]]
    reorder_hidden(aligned, _order(words.T, like_words.T))
    for layer, like_layer in zip(layers_of(aligned), layers_of(like), strict=True):
        found, wanted = layer.output.dense.weight, like_layer.output.dense.weight
        reorder_intermediate(layer, _order(found.T, wanted.T))
    for part in ("encoder.encoder", "outputs", "language"):
        result.get_submodule(part).load_state_dict(aligned.get_submodule(part).state_dict())
    return result


def _shape(model: EscalationModel) -> tuple[int, int, int]:
    config = model.encoder.config
    return config.num_hidden_layers, config.hidden_size, config.intermediate_size


def _order(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the row of ``found`` that is most like each row of ``wanted``."""
    with torch.inference_mode():
        similarity = nn.functional.normalize(found) @ nn.functional.normalize(wanted).T
    largest, order = similarity.max(0)
    if (least := float(largest.min())) < _LEAST_SIMILARITY or len(order.unique()) < len(order):
        raise _other_base(f"the least similarity of a channel is {least:.2f}, or two are like one")
    return order.clone()


def _other_base(reason: str) -> BaseEncoderError:
    return BaseEncoderError(
        f"the two networks do not come from one base encoder ({reason}), so that their weights cannot be "
        "averaged: set released_share = 0 in the recipe and name a new run folder"
    )


def _reorder(module: Any, order: Tensor, dimension: int) -> None:
    """Reorder what a module reads (dimension 1 of its weight) or writes (0, its bias too)."""
    module.weight.data = module.weight.data.index_select(dimension, order)
    if dimension == 0 and module.bias is not None:
        module.bias.data = module.bias.data.index_select(0, order)
