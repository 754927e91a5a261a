"""Reads the network of a bundle back from its ONNX file, so that training can go on from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from escalate.bundle import Bundle, load_bundle, read_manifest
from training.errors import BaseEncoderError
from training.network.base_encoder import BaseEncoder, special_id
from training.network.early_exit import EarlyExit, Network, members
from training.network.model import EscalationModel
from training.network.onnx_graph import STUDENT

FloatArray = npt.NDArray[np.float32]

_LAYER: Final = re.compile(r"(.*)layer(\d+)\.projections\.bias")


def read_network(bundle: Bundle | str | Path | None = None) -> tuple[Network, BaseEncoder]:
    """Read the network of a bundle, quantised or not, and its encoder with the tokenizer.

    The weights are those that are served: of a quantised bundle the rounded ones.

    Args:
        bundle: A bundle, its folder, or None for the released one.

    Raises:
        BundleError: The bundle cannot be loaded.
        BaseEncoderError: Its graph is not one that ``training.network.onnx_graph`` builds.
    """
    found = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    tokenizer = Tokenizer.from_str(found.tokenizer)
    try:
        graph = _Graph(onnx.load_model_from_string(found.model))
        model = graph.network(special_id(tokenizer, "<pad>")).eval()
    except (KeyError, ValueError, RuntimeError, StopIteration) as error:
        raise BaseEncoderError(
            f"the graph of model {found.version} cannot be read back into a network ({error!r}): "
            "export it again with this version of training, or start from the base encoder"
        ) from error
    base = found.manifest.get("base", {})
    name, source = str(base.get("name", found.version)), str(base.get("source", "unknown"))
    return model, BaseEncoder(name, source, members(model)[0].encoder, tokenizer)


def bundle_identity(folder: Path) -> dict[str, str]:
    """Return version and checksum of a bundle, by which the manifest of another names it.

    Raises:
        BundleError: It has no manifest, or one that was altered.
    """
    manifest = read_manifest(folder)
    return {"version": manifest["version"], "checksum": manifest["checksum"]}


class _Graph:
    """The weights of a graph that ``training.network.onnx_graph`` built, by the names it gave them."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        graphs = list(_graphs(proto.graph))
        self.tensors = {t.name: numpy_helper.to_array(t) for graph in graphs for t in graph.initializer}
        self.nodes = [node for graph in graphs for node in graph.node]
        # Layers outside of the branch that is left out where the student is sure.
        self.shared_layers = _layer_count("", [tensor.name for tensor in proto.graph.initializer])

    def network(self, pad: int) -> Network:
        whole = self.member("", range(_layer_count("", self.tensors)), pad)
        own = _layer_count(STUDENT, self.tensors)
        if not own:
            return whole
        student = self.member(STUDENT, range(own), pad)
        return EarlyExit(whole, student, self.shared_layers, float(self.tensors["margin"]))

    def member(self, prefix: str, layers: range, pad: int) -> EscalationModel:
        words, positions = self.words(), self.tensors["positions"]
        config = BertConfig(
            vocab_size=words.shape[0],
            hidden_size=words.shape[1],
            num_hidden_layers=len(layers),
            num_attention_heads=self.attribute("MultiHeadAttention", "num_heads"),
            intermediate_size=len(self.tensors["layer0.widening.bias"]),
            max_position_embeddings=len(positions),
            type_vocab_size=1,
            layer_norm_eps=self.attribute("LayerNormalization", "epsilon"),
            pad_token_id=pad,
        )
        model = EscalationModel(BertModel(config, add_pooling_layer=False))
        state: dict[str, FloatArray] = {
            "embeddings.word_embeddings.weight": words,
            # The graph holds the positions with the one type added.
            "embeddings.position_embeddings.weight": positions,
            "embeddings.token_type_embeddings.weight": np.zeros((1, words.shape[1]), dtype=np.float32),
            **self.norm("embeddings", "embeddings"),
        }
        for i in layers:
            own = f"{prefix}layer{i}"
            shared = f"{own}.projections.bias" not in self.tensors
            state |= self.layer(f"layer{i}" if shared else own, f"encoder.layer.{i}")
        model.encoder.load_state_dict(_tensors(state))
        for name, head in (("outputs", model.outputs), ("language", model.language)):
            parts = {part: self.tensors[f"{prefix}{name}.{part}"] for part in ("weight", "bias")}
            head.load_state_dict(_tensors(parts))
        return model

    def attribute(self, operator: str, name: str) -> Any:
        node = next(node for node in self.nodes if node.op_type == operator)
        return next(onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name)

    def words(self) -> FloatArray:
        words = self.tensors["words"]
        scales = self.tensors.get("word_scales")
        return words if scales is None else words.astype(np.float32) * scales

    def layer(self, prefix: str, target: str) -> dict[str, FloatArray]:
        state: dict[str, FloatArray] = {}
        weights = np.split(self.weight(f"{prefix}.projections"), 3)
        biases = np.split(self.tensors[f"{prefix}.projections.bias"], 3)
        for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            state[f"{target}.attention.self.{part}.weight"] = weight
            state[f"{target}.attention.self.{part}.bias"] = bias
        for name, place in (
            ("attention", "attention.output.dense"),
            ("widening", "intermediate.dense"),
            ("narrowing", "output.dense"),
        ):
            state[f"{target}.{place}.weight"] = self.weight(f"{prefix}.{name}")
            state[f"{target}.{place}.bias"] = self.tensors[f"{prefix}.{name}.bias"]
        state |= self.norm(f"{prefix}.attention", f"{target}.attention.output")
        return state | self.norm(f"{prefix}.narrowing", f"{target}.output")

    def norm(self, name: str, target: str) -> dict[str, FloatArray]:
        parts = ("weight", "bias")
        return {f"{target}.LayerNorm.{part}": self.tensors[f"{name}.norm.{part}"] for part in parts}

    def weight(self, name: str) -> FloatArray:
        """Return the weight of a linear layer, shape (out, in)."""
        values: FloatArray = self.tensors[f"{name}.weight"]
        if (scales := self.tensors.get(f"{name}.scales")) is not None:
            values = values * scales
        if (exact := self.tensors.get(f"{name}.exact")) is not None:
            values = np.concatenate([values, exact])
        return values.T


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those of its branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _layer_count(prefix: str, names: Iterable[str]) -> int:
    """Return one more than the highest number of a layer whose name begins with ``prefix``."""
    found = (match for name in names if (match := _LAYER.fullmatch(name)))
    return max((int(match[2]) + 1 for match in found if match[1] == prefix), default=0)


def _tensors(state: Mapping[str, FloatArray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(np.ascontiguousarray(values)) for name, values in state.items()}
