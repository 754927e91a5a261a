"""Model bundles: a folder with a model, its tokenizer and the manifest that binds them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from escalate.calibration import Calibration
from escalate.errors import BundleError
from escalate.policy import LANGUAGES, OUTPUTS, Output, Policy
from escalate.text import NORMALISERS
from escalate.transliteration import Transliteration
from escalate.version import RELEASED_MODEL

FORMAT_VERSION: Final = 2
"""Raised where a bundle has other files, or where the keys of a transliteration are made in another way.

Format 1, which is read too, has no transliteration.
"""

_READ_FORMATS: Final = (1, FORMAT_VERSION)
MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
TRANSLITERATION: Final = "transliteration.tsv"
LANGUAGE_CLASSES: Final = (*LANGUAGES, "other")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle, read into memory.

    Attributes:
        version: Version of the model.
        manifest: The whole manifest as read.
        model: The bytes of the ONNX model that were verified.
        tokenizer: The text of ``tokenizer.json`` that was verified.
        transliteration: Words in their own letters by how they are typed in Latin ones.
        window: Longest input of the model in tokens, begin and end marks included.
        overlap: Tokens that neighbouring windows of a long message share.
        normalise: The text normaliser that the model was trained with.
        base_rates: Share of positive labels per output in the training data.
        calibration: Turns logits into probabilities.
        policy: The default policy.
    """

    version: str
    manifest: Mapping[str, Any]
    model: bytes
    tokenizer: str
    transliteration: Transliteration
    window: int
    overlap: int
    normalise: Callable[[str], str]
    base_rates: Mapping[Output, float]
    calibration: Calibration
    policy: Policy


def released_bundle() -> Path:
    """Return the folder of the released bundle: inside the wheel, else in the checkout.

    Raises:
        BundleError: There is neither.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "bundle", package.parent / "models" / RELEASED_MODEL):
        if (folder / MANIFEST).is_file():
            return folder
    raise BundleError(
        f"the released model {RELEASED_MODEL} is neither in the installed package nor in "
        f"{package.parent / 'models'}; reinstall escalate-nlp, or name a bundle folder"
    )


def sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with ``checksum``, the SHA-256 of all its other content."""
    content = {name: value for name, value in manifest.items() if name != "checksum"}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return {**content, "checksum": sha256(canonical.encode("utf-8", "surrogatepass"))}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read ``manifest.json`` of a bundle.

    Raises:
        BundleError: The file is missing, is not JSON, is of another format version or was altered.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise BundleError(
            f"cannot read {path} ({error.strerror}): name a folder written by training, "
            "or leave the model out for the released one"
        ) from error
    except (RecursionError, ValueError) as error:
        raise BundleError(f"{path} is not valid JSON ({error}): copy the bundle again") from error
    if not isinstance(manifest, dict) or manifest.get("format") not in _READ_FORMATS:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise BundleError(
            f"{path} has bundle format {found}, this escalate reads {', '.join(map(str, _READ_FORMATS))}: "
            "export the model again with the matching version"
        )
    if not _sealed(manifest):
        raise BundleError(
            f"{path} does not match its own checksum: it was altered, copy the bundle again "
            "(thresholds of your own belong into a policy file)"
        )
    return manifest


def load_bundle(folder: str | Path | None = None) -> Bundle:
    """Read and verify a bundle.

    Every file named in the manifest is read once; its SHA-256 must match.

    Args:
        folder: A bundle folder, or None for the released one.

    Raises:
        BundleError: A file is missing or does not match, or the bundle was made with a later
            normaliser, other outputs or other languages than this version of escalate.
    """
    folder = released_bundle() if folder is None else Path(folder)
    manifest = read_manifest(folder)
    try:
        if (normalise := NORMALISERS.get(manifest["normaliser"])) is None:
            raise BundleError(
                f"{folder} was trained with text normaliser {manifest['normaliser']}, this escalate "
                f"has {', '.join(map(str, NORMALISERS))}: retrain the model or install the matching escalate"
            )
        if tuple(manifest["outputs"]) != OUTPUTS or tuple(manifest["languages"]) != LANGUAGE_CLASSES:
            raise BundleError(
                f"{folder} answers {manifest['outputs']} in {manifest['languages']}, this escalate "
                f"expects {list(OUTPUTS)} in {list(LANGUAGE_CLASSES)}: export the model again"
            )
        files = {name: _verified(folder / name, digest) for name, digest in manifest["sha256"].items()}
        return Bundle(
            version=str(manifest["version"]),
            manifest=manifest,
            model=files[MODEL],
            tokenizer=files[TOKENIZER].decode("utf-8"),
            transliteration=_transliteration(manifest, files),
            window=int(manifest["window"]),
            overlap=int(manifest["overlap"]),
            normalise=normalise,
            base_rates={output: _share(manifest["base_rates"][output]) for output in OUTPUTS},
            calibration=Calibration.from_dict(manifest["calibration"]),
            policy=Policy.from_dict(manifest["policy"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{folder / MANIFEST} is incomplete or damaged ({error!r}): copy the bundle again"
        ) from error


def _transliteration(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> Transliteration:
    return (
        Transliteration({}) if manifest["format"] == 1 else Transliteration.from_bytes(files[TRANSLITERATION])
    )


def _sealed(manifest: Mapping[str, Any]) -> bool:
    try:
        return seal(manifest) == manifest
    except ValueError:  # A number too large for a float is read as infinity, which no manifest holds.
        return False


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _share(value: Any) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is outside 0..1")
    return share


def _verified(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"cannot read {path} ({error.strerror}): the bundle is incomplete, copy it again"
        ) from error
    if sha256(data) != digest:
        raise BundleError(
            f"{path} does not match the checksum in {MANIFEST}: it was altered or cut short, "
            "copy the bundle again"
        )
    return data
