"""The network as an ONNX graph for one message: fp32 for comparison, 8-bit integers for serving.

The graph is built from the weights with ONNX Runtime's fused operators, without padding, mask or
type ids, because one message is one run. The served form has

* token embeddings as int8 with a scale for every row;
* linear layers as ``DynamicQuantizeMatMul``: weights in int8 with a scale for every output channel,
  activations in uint8 with a scale for every message. Weights use 7 of the 8 bits: the sum of two
  products then fits the 16-bit step of x86 processors without VNNI, which would otherwise saturate
  and answer differently;
* activations evened out before they are rounded, their outlier channels moved into the weights
  (G. Xiao et al., "SmoothQuant", 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from escalate.version import __version__
from training.model import EscalationModel

FloatArray = npt.NDArray[np.float32]
Peaks = dict[str, FloatArray]
"""For each linear layer, by its name, the largest absolute value of each input channel."""

_OPSET: Final = 17
_IR_VERSION: Final = 8
_MICROSOFT: Final = "com.microsoft"
_WEIGHT_LIMIT: Final = 64
_SMOOTHING: Final = 0.75


@dataclass(frozen=True)
class _Layer:
    """Names of the linear layers of one encoder layer, as in the graph and in ``Peaks``."""

    prefix: str

    @property
    def projections(self) -> str:
        return f"{self.prefix}.projections"

    @property
    def attention(self) -> str:
        return f"{self.prefix}.attention"

    @property
    def widening(self) -> str:
        return f"{self.prefix}.widening"

    @property
    def narrowing(self) -> str:
        return f"{self.prefix}.narrowing"


def measure_peaks(model: EscalationModel, token_ids: Sequence[Sequence[int]]) -> Peaks:
    """Return the peaks of the inputs of all linear layers over some messages.

    Args:
        model: The network.
        token_ids: Messages as token ids.
    """
    peaks: dict[str, Tensor] = {}
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            peak = inputs[0].detach().abs().amax(dim=(0, 1))
            peaks[name] = torch.maximum(peaks[name], peak) if name in peaks else peak

        handles.append(module.register_forward_pre_hook(hook))

    layers: Any = model.encoder.encoder.layer
    for i, layer in enumerate(layers):
        names = _Layer(f"layer{i}")
        watch(names.projections, layer.attention.self.query)
        watch(names.attention, layer.attention.output.dense)
        watch(names.widening, layer.intermediate.dense)
        watch(names.narrowing, layer.output.dense)
    model = model.cpu().eval()
    try:
        with torch.inference_mode():
            for ids in token_ids:
                input_ids = torch.tensor([ids])
                model(input_ids, torch.ones_like(input_ids))
    finally:
        for handle in handles:
            handle.remove()
    return {name: peak.numpy() for name, peak in peaks.items()}


def build_onnx(model: EscalationModel, peaks: Peaks | None = None) -> bytes:
    """Return the network as a serialised ONNX model.

    The graph has the input ``input_ids``, int64 of shape (1, tokens), and the outputs ``outputs``,
    float32 of shape (1, 3), and ``language``, float32 of shape (1, 5).

    Args:
        model: The network.
        peaks: From ``measure_peaks``: the graph is quantised. Without it the graph is float32.
    """
    serialised: bytes = _GraphBuilder(model.cpu().eval(), peaks).build().SerializeToString()
    return serialised


class _GraphBuilder:
    def __init__(self, model: EscalationModel, peaks: Peaks | None) -> None:
        self.model = model
        self.peaks = peaks
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.epsilon = float(model.encoder.config.layer_norm_eps)
        self.heads = int(model.encoder.config.num_attention_heads)

    def build(self) -> onnx.ModelProto:
        hidden = self.embeddings()
        for i, layer in enumerate(self.model.encoder.encoder.layer):
            hidden = self.layer(_Layer(f"layer{i}"), layer, hidden)
        mean = self.node("ReduceMean", [hidden], axes=[1], keepdims=0)
        embedding = self.node("LpNormalization", [mean], axis=-1, p=2)
        for name, head in (("outputs", self.model.outputs), ("language", self.model.language)):
            weight = self.constant(f"{name}.weight", _numpy(head.weight))
            bias = self.constant(f"{name}.bias", _numpy(head.bias))
            self.node("Gemm", [embedding, weight, bias], result=name, transB=1)
        graph = helper.make_graph(
            self.nodes,
            "escalate",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            [
                helper.make_tensor_value_info("outputs", TensorProto.FLOAT, [1, 3]),
                helper.make_tensor_value_info("language", TensorProto.FLOAT, [1, 5]),
            ],
            self.initializers,
        )
        proto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
            producer_name="escalate",
            producer_version=__version__,
            ir_version=_IR_VERSION,
        )
        onnx.checker.check_model(proto)
        return proto

    def embeddings(self) -> str:
        tables = self.model.encoder.embeddings
        words = _numpy(tables.word_embeddings.weight)
        if self.peaks is None:
            word = self.node("Gather", [self.constant("words", words), "input_ids"])
        else:
            scales = np.maximum(np.abs(words).max(1, keepdims=True), 1e-8) / 127
            rows = np.rint(words / scales).astype(np.int8)
            row = self.node("Gather", [self.constant("words", rows), "input_ids"])
            scale = self.node("Gather", [self.constant("word_scales", scales), "input_ids"])
            row = self.node("Cast", [row], to=TensorProto.FLOAT)
            word = self.node("Mul", [row, scale])
        # One message has one type, so the row of type 0 is part of every position.
        positions = _numpy(tables.position_embeddings.weight + tables.token_type_embeddings.weight[0])
        zero = self.constant("zero", np.array([0], dtype=np.int64))
        length = self.node("Shape", ["input_ids"], start=1, end=2)
        position = self.node("Slice", [self.constant("positions", positions), zero, length, zero])
        total = self.node("Add", [word, position])
        gamma, beta = self.norm("embeddings", tables.LayerNorm)
        return self.node("LayerNormalization", [total, gamma, beta], axis=-1, epsilon=self.epsilon)

    def layer(self, names: _Layer, layer: Any, hidden: str) -> str:
        attention = layer.attention.self
        linears = (attention.query, attention.key, attention.value)
        weight = np.concatenate([_numpy(linear.weight) for linear in linears])
        bias = np.concatenate([_numpy(linear.bias) for linear in linears])
        projected = self.linear(names.projections, weight, bias, hidden)
        parts = [f"{names.prefix}.{part}" for part in ("query", "key", "value")]
        self.nodes.append(helper.make_node("Split", [projected], parts, axis=-1))
        context = self.node("MultiHeadAttention", parts, _MICROSOFT, num_heads=self.heads)
        output = layer.attention.output
        hidden = self.add_and_norm(
            names.attention, self.dense(names.attention, output.dense, context), hidden, output
        )
        wide = self.dense(names.widening, layer.intermediate.dense, hidden)
        wide = self.node("Gelu", [wide], _MICROSOFT)
        narrow = self.dense(names.narrowing, layer.output.dense, wide)
        return self.add_and_norm(names.narrowing, narrow, hidden, layer.output)

    def add_and_norm(self, name: str, new: str, residual: str, output: Any) -> str:
        gamma, beta = self.norm(name, output.LayerNorm)
        return self.node(
            "SkipLayerNormalization",
            [new, residual, gamma, beta],
            _MICROSOFT,
            epsilon=self.epsilon,
        )

    def dense(self, name: str, linear: nn.Linear, x: str) -> str:
        return self.linear(name, _numpy(linear.weight), _numpy(linear.bias), x)

    def linear(self, name: str, weight: FloatArray, bias: FloatArray, x: str) -> str:
        """Add ``x @ weight.T + bias``; ``weight`` has the shape (out, in) of torch."""
        bias_name = self.constant(f"{name}.bias", bias)
        if self.peaks is None:
            product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight.T.copy())])
            return self.node("Add", [product, bias_name])
        smoothing = _smoothing_factors(self.peaks[name], np.abs(weight).max(0))
        x = self.node("Mul", [x, self.constant(f"{name}.smoothing", 1 / smoothing)])
        smoothed = weight * smoothing
        scales = np.maximum(np.abs(smoothed).max(1), 1e-8) / _WEIGHT_LIMIT
        rounded = np.rint(smoothed / scales[:, None]).astype(np.int8).T.copy()
        return self.node(
            "DynamicQuantizeMatMul",
            [
                x,
                self.constant(f"{name}.weight", rounded),
                self.constant(f"{name}.scales", scales.astype(np.float32)),
                self.constant(f"{name}.zeros", np.zeros(len(scales), dtype=np.int8)),
                bias_name,
            ],
            _MICROSOFT,
        )

    def norm(self, name: str, module: nn.LayerNorm) -> tuple[str, str]:
        gamma = self.constant(f"{name}.norm.weight", _numpy(module.weight))
        return gamma, self.constant(f"{name}.norm.bias", _numpy(module.bias))

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        if all(existing.name != name for existing in self.initializers):
            self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        domain: str = "",
        result: str | None = None,
        **attributes: Any,
    ) -> str:
        result = result or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], domain=domain, **attributes))
        return result


def _smoothing_factors(peaks: FloatArray, weight_peaks: FloatArray) -> FloatArray:
    """Return the factor each input channel is divided by, and its weights multiplied by."""
    peaks, weight_peaks = np.maximum(peaks, 1e-4), np.maximum(weight_peaks, 1e-4)
    factors: FloatArray = (peaks**_SMOOTHING / weight_peaks ** (1 - _SMOOTHING)).astype(np.float32)
    return factors


def _numpy(tensor: Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float32)
    return values
