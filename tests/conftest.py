"""Fixtures: a tiny encoder, a tiny corpus, and a bundle made from them by the real pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import hypothesis
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

from escalate import Classifier
from escalate.bundle import released_bundle

# How long an example takes is no property of the code under test. The examples are the same in each run;
# --hypothesis-profile=explore tries many others.
hypothesis.settings.register_profile("escalate", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=5000)
hypothesis.settings.load_profile("escalate")

_WORDS = {
    "he": (["איפה החבילה", "מתי פותחים", "כמה זה עולה"], "נורא", "הונאה בחשבון", "תנו לי נציג"),
    "ar": (["أين الطلب", "متى تفتحون", "كم السعر"], "سيء", "احتيال في حسابي", "أريد موظف"),
    "cs": (["kde je balík", "kdy otevíráte", "kolik to stojí"], "hrozné", "podvod na účtu", "chci člověka"),
    "en": (["where is my parcel", "when do you open", "the price"], "awful", "fraud on it", "a human please"),
}
_OTHER = ["где моя посылка", "wo ist mein paket", "asdkjh qwe", "où est mon colis", "paketim nerede"]


def tiny_messages(split: str) -> Iterator[dict[str, object]]:
    """Yield messages whose labels can be learned from single words, 96 in a split and language."""
    number = 0
    first = 4 * ("train", "validation", "test").index(split)  # no text may be in two splits
    for language, (starts, negative, complex_, human) in _WORDS.items():
        for start, round_, c, n, h in product(starts, range(first, first + 4), (0, 1), (0, 1), (0, 1)):
            parts = [start, *(w for w, on in ((negative, n), (complex_, c), (human, h)) if on)]
            number += 1
            yield {
                "id": f"{split}-{number}",
                "text": " ".join(parts) + f" {round_}",
                "language": language,
                "complexity": c,
                "negative_sentiment": n,
                "human_requested": h,
                "channel": "chat",
                "group": f"{split}-{language}-{round_}",
            }
    for i, text in enumerate(_OTHER * 4):
        yield {"id": f"{split}-other-{i}", "text": f"{text} {5 * first + i}", "language": "other"}


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in the project's format."""
    from training.corpus.messages import parse_message, write_messages

    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "validation", "test"):
        messages = [parse_message(data) for data in tiny_messages(split)]
        for language in ("he", "ar", "cs", "en", "other"):
            own = [m for m in messages if m.language == language]
            write_messages(folder / split / f"{language}.jsonl", own)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised encoder of two layers as a Hugging Face folder."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from training.network.base_encoder import build_tokenizer

    words = {word for data in tiny_messages("train") for word in str(data["text"]).split()}
    characters = sorted({c for word in words for c in word} | set("abcdefghijklmnopqrstuvwxyz?!.,"))
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(c, -8.0) for c in characters]
    pieces += [(f"▁{word}", -6.0) for word in sorted(words)]
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        max_position_embeddings=64,
        pad_token_id=1,
    )
    folder = tmp_path_factory.mktemp("base")
    BertModel(config).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(pieces),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_recipe(tiny_base: Path) -> object:
    """The project's recipe, cut down to the tiny encoder."""
    from training.fitting.recipe import read_recipe

    recipe = read_recipe()
    return replace(
        recipe,
        base=str(tiny_base),
        seeds=(1,),
        latin_letters=(0.15,),
        vocabulary_words=10,
        exit_margin=0.3,
        shared_layers=1,
        interpolation=0.7,
        released_share=0.0,
        consistency=1.0,
        window=32,
        overlap=8,
        teacher=replace(
            recipe.teacher, layers=(0, 1), copies=2, batch_size=16, learning_rate=1e-3, max_tokens=32
        ),
        # With fewer copies the student does not answer as its teacher does in every language.
        student=replace(recipe.student, layers=(1,), copies=5, learning_rate=1e-3, max_tokens=32),
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_corpus: Path, tiny_recipe: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training run."""
    from training.fitting.pipeline import train
    from training.fitting.recipe import Recipe

    assert isinstance(tiny_recipe, Recipe)
    folder = tmp_path_factory.mktemp("run")
    train(tiny_corpus, tiny_recipe, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(
    tiny_run: Path, tiny_corpus: Path, tiny_recipe: object, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundle of the finished run."""
    from training.bundle.export import export
    from training.fitting.recipe import Recipe

    assert isinstance(tiny_recipe, Recipe)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return export(tiny_run, tiny_corpus, "tiny", folder)


@pytest.fixture(scope="session")
def released() -> Path:
    """The folder of the released bundle."""
    return released_bundle()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The released model."""
    return Classifier.load()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder that commands run in, so that ``runs`` and ``models`` go there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
