from __future__ import annotations

from pathlib import Path

import pytest

from escalate import Classifier, processor
from escalate.bundle import load_bundle
from escalate.model import start_session
from escalate.policy import OUTPUTS


@pytest.fixture
def cpu_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPU_INFO", path)
    return path


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse4_1 avx2 avx512f avx512_vnni", True),
        ("fpu avx2 avx_vnni", True),
        ("fpu sse4_1 avx2 avx512f", False),
        ("fpu avx512_vnni_like", False),
    ],
)
def test_exact_products_are_known_by_the_flags(cpu_info: Path, flags: str, expected: bool) -> None:
    cpu_info.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: avx512_vnni\n\n")
    assert processor.has_exact_products() is expected


def test_an_unknown_processor_takes_the_careful_way(cpu_info: Path) -> None:
    assert not processor.has_exact_products()
    cpu_info.write_bytes(b"Features\t: asimd \xff\n")
    assert not processor.has_exact_products()


@pytest.mark.parametrize(("flags", "expected"), [("avx2", "1"), ("avx2 avx512_vnni", "")])
def test_products_are_exact_on_every_processor(
    released: Path, cpu_info: Path, flags: str, expected: str
) -> None:
    cpu_info.write_text(f"flags\t\t: {flags}\n")
    options = start_session(load_bundle(released).model).get_session_options()
    try:
        found = options.get_session_config_entry("session.x64quantprecision")
    except RuntimeError:  # there is no such entry
        found = ""
    assert found == expected


def test_the_careful_way_gives_the_same_answers(
    released: Path, classifier: Classifier, cpu_info: Path
) -> None:
    careful = Classifier.load(released)
    texts = (Path(__file__).parent.parent / "examples.txt").read_text(encoding="utf-8").splitlines()
    assert len(texts) == 8
    for text in texts:
        expected, found = classifier.predict(text), careful.predict(text)
        assert (found.action, found.language) == (expected.action, expected.language)
        for output in OUTPUTS:
            assert getattr(found, output) == pytest.approx(getattr(expected, output), abs=0.02)
