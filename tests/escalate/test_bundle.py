from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from escalate import BundleError, Classifier
from escalate.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    MODEL,
    TOKENIZER,
    TRANSLITERATION,
    load_bundle,
    seal,
    sha256,
)
from escalate.text import NORMALISER_VERSION

TABLE = "he\tefo\tאיפה\nhe\thamishloach\tהמשלוח\nhe\tsheli\tשלי\n".encode()


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "bundle"))


@pytest.fixture
def with_table(copy: Path) -> Path:
    """A copy that has a transliteration, whether the released model has one or not."""
    (copy / TRANSLITERATION).write_bytes(TABLE)
    rewrite(copy, lambda manifest: manifest.update(format=FORMAT_VERSION))
    rewrite(copy, lambda manifest: manifest["sha256"].update({TRANSLITERATION: sha256(TABLE)}))
    return copy


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(seal(manifest)), encoding="utf-8")


def test_a_copy_of_the_released_bundle_answers_alike(copy: Path, classifier: Classifier) -> None:
    text = "I want to speak to a human, this is the worst service ever"
    assert Classifier.load(copy).predict(text) == classifier.predict(text)


@pytest.mark.parametrize("name", [MANIFEST, MODEL, TOKENIZER, TRANSLITERATION])
def test_a_missing_file_is_named(with_table: Path, name: str) -> None:
    (with_table / name).unlink()
    with pytest.raises(BundleError, match=name):
        Classifier.load(with_table)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, TRANSLITERATION])
def test_a_truncated_file_is_named(with_table: Path, name: str) -> None:
    data = (with_table / name).read_bytes()
    (with_table / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleError, match=rf"{name}.*copy the bundle again"):
        Classifier.load(with_table)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, TRANSLITERATION])
def test_one_changed_byte_is_found(with_table: Path, name: str) -> None:
    data = bytearray((with_table / name).read_bytes())
    data[len(data) // 2] ^= 1
    (with_table / name).write_bytes(data)
    with pytest.raises(BundleError, match="checksum"):
        Classifier.load(with_table)


def test_a_damaged_manifest_is_named(copy: Path) -> None:
    path = copy / MANIFEST
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Classifier.load(copy)


def test_an_edited_manifest_is_found(copy: Path) -> None:
    path = copy / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["policy"]["escalate"]["human_requested"] = 1.0
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match=r"manifest\.json.*altered"):
        Classifier.load(copy)


def test_a_bundle_of_the_first_normaliser_is_read_with_it(copy: Path) -> None:
    rewrite(copy, lambda manifest: manifest.update({"normaliser": NORMALISER_VERSION}))
    now = Classifier.load(copy)
    rewrite(copy, lambda manifest: manifest.update({"normaliser": 1}))
    then = Classifier.load(copy)
    assert (then.normalise("Late!"), now.normalise("Late!")) == ("late!", "late")
    assert then.predict("Late") == now.predict("Late!") == now.predict("Late")
    assert then.predict("Late!") != then.predict("Late")


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("format", 99, "format 99"),
        ("normaliser", 99, "normaliser 99"),
        ("outputs", ["complexity"], "export the model again"),
        ("languages", ["he"], "export the model again"),
        ("policy", {}, "incomplete"),
        ("calibration", {"outputs": {}}, "incomplete"),
        ("base_rates", {}, "incomplete"),
        ("base_rates", {"complexity": 1.5, "negative_sentiment": 0.5, "human_requested": 0.1}, "incomplete"),
        ("window", 3, "overlap"),
        ("sha256", {}, "incomplete"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(copy: Path, key: str, value: object, word: str) -> None:
    rewrite(copy, lambda manifest: manifest.update({key: value}))
    with pytest.raises(BundleError, match=word):
        Classifier.load(copy)


def test_a_manifest_with_a_number_that_is_none_is_refused(copy: Path) -> None:
    path = copy / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["calibration"]["outputs"]["en"]["complexity"] = [float("nan"), 0.0]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match="NaN"):
        Classifier.load(copy)


@pytest.mark.parametrize(("number", "word"), [("1e999", "altered"), ("[" * 100_000, "not valid JSON")])
def test_a_manifest_that_json_cannot_hold_is_refused(copy: Path, number: str, word: str) -> None:
    path = copy / MANIFEST
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"window": ', f'"extra": {number}, "window": ', 1), encoding="utf-8")
    with pytest.raises(BundleError, match=word):
        Classifier.load(copy)


def test_a_file_that_is_no_model_is_refused_although_its_checksum_is_right(copy: Path) -> None:
    (copy / MODEL).write_bytes(b"not a model")
    rewrite(copy, lambda manifest: manifest["sha256"].update({MODEL: sha256(b"not a model")}))
    with pytest.raises(BundleError, match="does not load"):
        Classifier.load(copy)


def test_a_tokenizer_that_is_none_is_refused_although_its_checksum_is_right(copy: Path) -> None:
    (copy / TOKENIZER).write_bytes(b"{}")
    rewrite(copy, lambda manifest: manifest["sha256"].update({TOKENIZER: sha256(b"{}")}))
    with pytest.raises(BundleError, match="tokenizer"):
        Classifier.load(copy)


@pytest.mark.parametrize("data", [b"he\tani\n", b"cs\tano\tano\n", b"\xff"])
def test_a_transliteration_that_is_none_is_refused_although_its_checksum_is_right(
    with_table: Path, data: bytes
) -> None:
    (with_table / TRANSLITERATION).write_bytes(data)
    rewrite(with_table, lambda manifest: manifest["sha256"].update({TRANSLITERATION: sha256(data)}))
    with pytest.raises(BundleError, match="damaged"):
        Classifier.load(with_table)


def test_a_bundle_without_its_transliteration_is_refused(with_table: Path) -> None:
    rewrite(with_table, lambda manifest: manifest["sha256"].pop(TRANSLITERATION))
    with pytest.raises(BundleError, match="incomplete"):
        Classifier.load(with_table)


def test_a_bundle_of_format_1_reads_latin_letters_as_they_are_typed_alone(with_table: Path) -> None:
    now = Classifier.load(with_table)

    def make_older(manifest: dict[str, Any]) -> None:
        manifest["format"] = 1
        del manifest["sha256"][TRANSLITERATION]

    (with_table / TRANSLITERATION).unlink()
    rewrite(with_table, make_older)
    older = Classifier.load(with_table)
    for text in ("איפה המשלוח שלי", "Kde je moje zásilka?", "where is my parcel"):
        assert older.predict(text) == now.predict(text)
    latin = "eifo hamishloach sheli"
    assert older.predict(latin).complexity != now.predict(latin).complexity


def test_the_bundle_is_small_and_complete(released: Path) -> None:
    size = sum(path.stat().st_size for path in released.rglob("*") if path.is_file())
    assert size < 60_000_000
    bundle = load_bundle(released)
    assert bundle.manifest["data"]["sha256"]
    assert bundle.manifest["commit"]
    assert (released / "MODEL_CARD.md").is_file()
