from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from escalate import Classifier, Policy
from escalate.version import __version__


def run(*arguments: str, text: str | bytes = b"") -> subprocess.CompletedProcess[bytes]:
    data = text.encode("utf-8") if isinstance(text, str) else text
    return subprocess.run(
        [sys.executable, "-m", "escalate", *arguments], input=data, capture_output=True, check=False
    )


def test_a_table_for_messages_in_four_languages() -> None:
    examples = (Path(__file__).parent.parent / "examples.txt").read_text(encoding="utf-8")
    finished = run("predict", text=examples)
    assert finished.returncode == 0, finished.stderr
    output = finished.stdout.decode("utf-8")
    for language in ("he", "ar", "cs", "en"):
        assert output.count(f" {language} ") >= 2
    # Right-to-left messages are isolated line by line, so that they do not turn the other columns round.
    lines = output.splitlines()
    assert all(line.count("\u2068") == line.count("\u2069") for line in lines)
    assert output.count("\u2068") >= len(examples.splitlines())


def test_json_lines_equal_the_library(classifier: Classifier) -> None:
    texts = ["הזמנה 4471 לא הגיעה", "where is it?\u2028second line", "", "\u202ehidden", "a\x85b"]
    finished = run("predict", "--json", *texts)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.decode("utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    expected = [{"text": text, **classifier.predict(text).to_dict()} for text in texts]
    assert answers == expected


def test_standard_input_with_bytes_that_are_no_utf8_loses_no_line() -> None:
    finished = run("predict", "--json", text=b"first\n\xff\xfe broken \xe9\nthird\n")
    assert finished.returncode == 0, finished.stderr
    answers = [json.loads(line) for line in finished.stdout.decode("utf-8").splitlines()]
    assert [answer["text"] for answer in answers] == ["first", "\ufffd\ufffd broken \ufffd", "third"]


def test_a_byte_order_mark_is_no_part_of_the_first_message() -> None:
    finished = run("predict", "--json", text="\ufeffhello\n")
    assert json.loads(finished.stdout)["text"] == "hello"


def test_info_describes_the_model(released: Path) -> None:
    manifest = json.loads((released / "manifest.json").read_text(encoding="utf-8"))
    text = run("info").stdout.decode("utf-8")
    for part in (__version__, manifest["version"], "MIT", "he", "negative_sentiment"):
        assert part in text
    assert json.loads(run("info", "--json").stdout) == manifest


def test_version() -> None:
    assert run("--version").stdout.decode().strip() == __version__


def test_a_model_that_is_not_there_exits_1_with_one_sentence(tmp_path: Path) -> None:
    finished = run("predict", "--model", str(tmp_path / "absent"), "hello")
    assert finished.returncode == 1
    assert finished.stdout == b""
    assert b"absent" in finished.stderr
    assert b"Traceback" not in finished.stderr


def test_a_model_and_a_policy_of_ones_own(tiny_bundle: Path, tmp_path: Path) -> None:
    thresholds = {"complexity": 0.0, "negative_sentiment": 0.0, "human_requested": 0.0}
    policy = Policy.from_dict({"offer": thresholds, "escalate": thresholds})
    (tmp_path / "policy.json").write_text(json.dumps(policy.to_dict()), encoding="utf-8")
    options = ("--model", str(tiny_bundle), "--policy", str(tmp_path / "policy.json"))
    finished = run("predict", "--json", *options, "where is my parcel")
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    own = Classifier.load(tiny_bundle, policy=policy)
    assert answer == {"text": "where is my parcel", **own.predict("where is my parcel").to_dict()}
    assert answer["action"] == "escalate"


def test_a_damaged_model_exits_1(released: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(released, tmp_path / "bundle"))
    (folder / "model.onnx").write_bytes(b"cut short")
    finished = run("info", "--model", str(folder))
    assert finished.returncode == 1
    assert b"copy the bundle again" in finished.stderr


def test_a_wrong_policy_exits_1(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{}", encoding="utf-8")
    finished = run("predict", "--policy", str(tmp_path / "policy.json"), "hello")
    assert finished.returncode == 1
    assert b"policy.json" in finished.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize(
    "arguments", [("predict", "hello"), ("predict", "--json", "hello"), ("info", "--json")]
)
def test_a_full_disk_under_the_output_exits_1_with_one_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "escalate", *arguments]
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert finished.returncode == 1
    sentence = b"escalate: cannot read or write standard input or output: No space left on device"
    assert finished.stderr.splitlines() == [sentence]


@pytest.mark.parametrize("arguments", [("predict", "--unknown"), ("unknown",)])
def test_wrong_arguments_exit_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2
