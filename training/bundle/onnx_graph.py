"""The network as an ONNX graph for one message: float32 for comparison, 8-bit integers for serving.

The graph is built from the weights with ONNX Runtime's fused operators, without padding, mask or
type ids, because one message is one run. The served form has

* token embeddings as int8 with a scale for every row;
* linear layers as ``MatMulNBits``: weights in 8 bits with a scale for every 64 of them; activations
  are rounded in such blocks too, so that the outlier channels of this encoder disturb only their own
  block (EXPERIMENTS.md has what one scale for a whole message did instead).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from escalate.version import __version__
from training.network.model import EscalationModel

FloatArray = npt.NDArray[np.float32]

_OPSET: Final = 17
_IR_VERSION: Final = 8
_MICROSOFT: Final = "com.microsoft"
_BLOCK: Final = 64
_SMALLEST: Final = 1e-8
_LARGEST_WEIGHT: Final = 127
_ZERO_POINT: Final = 128
_INTEGER_ACTIVATIONS: Final = 4


def build_onnx(model: EscalationModel, *, quantised: bool) -> bytes:
    """Return the network as a serialised ONNX model.

    The graph has the input ``input_ids``, int64 of shape (1, tokens), and the outputs ``outputs``,
    float32 of shape (1, 3), and ``language``, float32 of shape (1, 5).

    Args:
        model: The network; its encoder has exact GELU activations.
        quantised: Compute in 8-bit integers instead of float32.
    """
    serialised: bytes = _GraphBuilder(model.cpu().eval(), quantised).build().SerializeToString()
    return serialised


class _GraphBuilder:
    def __init__(self, model: EscalationModel, quantised: bool) -> None:
        self.model = model
        self.quantised = quantised
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.epsilon = float(model.encoder.config.layer_norm_eps)
        self.heads = int(model.encoder.config.num_attention_heads)

    def build(self) -> onnx.ModelProto:
        hidden = self.embeddings()
        for i, layer in enumerate(self.model.encoder.encoder.layer):
            hidden = self.layer(f"layer{i}", layer, hidden)
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
        if not self.quantised:
            word = self.node("Gather", [self.constant("words", words), "input_ids"])
        else:
            scales = np.maximum(np.abs(words).max(1, keepdims=True), _SMALLEST) / _LARGEST_WEIGHT
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

    def layer(self, prefix: str, layer: Any, hidden: str) -> str:
        attention = layer.attention.self
        linears = (attention.query, attention.key, attention.value)
        weight = np.concatenate([_numpy(linear.weight) for linear in linears])
        bias = np.concatenate([_numpy(linear.bias) for linear in linears])
        projected = self.linear(f"{prefix}.projections", weight, bias, hidden)
        parts = [f"{prefix}.{part}" for part in ("query", "key", "value")]
        self.nodes.append(helper.make_node("Split", [projected], parts, axis=-1))
        context = self.node("MultiHeadAttention", parts, _MICROSOFT, num_heads=self.heads)
        output = layer.attention.output
        hidden = self.add_and_norm(
            f"{prefix}.attention", self.dense(f"{prefix}.attention", output.dense, context), hidden, output
        )
        wide = self.dense(f"{prefix}.widening", layer.intermediate.dense, hidden)
        wide = self.node("Gelu", [wide], _MICROSOFT)
        narrow = self.dense(f"{prefix}.narrowing", layer.output.dense, wide)
        return self.add_and_norm(f"{prefix}.narrowing", narrow, hidden, layer.output)

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
        if not self.quantised:
            product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight.T.copy())])
            return self.node("Add", [product, bias_name])
        outputs, inputs = weight.shape
        blocks = weight.reshape(outputs, inputs // _BLOCK, _BLOCK)
        scales = np.maximum(np.abs(blocks).max(2), _SMALLEST) / _LARGEST_WEIGHT
        rounded = (np.rint(blocks / scales[..., None]) + _ZERO_POINT).astype(np.uint8)
        return self.node(
            "MatMulNBits",
            [
                x,
                self.constant(f"{name}.weight", rounded),
                self.constant(f"{name}.scales", scales.reshape(-1)),
                "",
                "",
                bias_name,
            ],
            _MICROSOFT,
            K=inputs,
            N=outputs,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=_INTEGER_ACTIVATIONS,
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


def _numpy(tensor: Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float32)
    return values
