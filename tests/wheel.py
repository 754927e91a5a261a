"""Builds the distribution and checks it on its own: ``python -m tests.wheel``.

The sdist is built, the wheel from the sdist, the wheel is installed into an empty environment without
torch, and there, with the network unreachable, it must answer in all four languages.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST_WHEEL = 45_000_000
UNWANTED = ("torch", "transformers", "pyarrow", "scikit-learn", "datasets", "pandas", "matplotlib")

ANSWER = """
import json, resource, socket, sys, time

def refuse(*arguments, **options):
    raise OSError("no network in this test")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
start = time.process_time()
from escalate import predict
imported = time.process_time()
expected = json.loads(sys.argv[1])
answers = {language: predict(text) for language, text in expected.items()}
first = time.process_time()
for language, answer in answers.items():
    assert answer.language == language, (language, answer)
    assert answer.action == "escalate", answer
import escalate
assert "site-packages" in escalate.__file__, escalate.__file__
assert first - start < 1.5, f"import, load and first answers took {first - start:.2f} s of CPU time"
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"import {imported - start:.2f} s, load and four answers {first - imported:.2f} s of CPU time, "
      f"{memory:.0f} MB resident at most")
"""

MESSAGES = """{
  "he": "אני רוצה לדבר עם נציג אנושי",
  "ar": "أريد التحدث مع موظف خدمة العملاء",
  "cs": "Chci mluvit s živým operátorem",
  "en": "I want to speak to a human agent"
}"""


def main() -> None:
    """Build, install and ask."""
    with tempfile.TemporaryDirectory(prefix="escalate-wheel-") as name:
        folder = Path(name)
        _run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
        wheel = next(folder.glob("*.whl"))
        _check_contents(wheel)
        _run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "direct"), str(ROOT)])
        direct = next((folder / "direct").glob("*.whl"))
        assert _contents(wheel) == _contents(direct), "the sdist builds another wheel than the checkout"
        python = _install(wheel, folder / "environment")
        installed = _run([str(python), "-m", "pip", "list", "--format", "freeze"]).lower()
        unwanted = [package for package in UNWANTED if f"\n{package}==" in f"\n{installed}"]
        assert not unwanted, f"the runtime brings {unwanted}"
        size = sum(p.stat().st_size for p in (folder / "environment").rglob("*") if p.is_file())
        print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB, environment {size / 1e6:.0f} MB")
        command = [str(python), "-c", ANSWER, MESSAGES]
        print(_run([*_without_network(), *command], cwd=folder).strip())
        script = python.with_name("escalate")
        print(_run([*_without_network(), str(script), "predict", "Where is my parcel?"], cwd=folder))


def _check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("escalate/py.typed", "escalate/bundle/manifest.json", "escalate/bundle/transliteration.tsv"):
        assert name in names, f"{wheel.name} lacks {name}"
    strangers = [n for n in names if not n.startswith(("escalate/", "escalate_nlp-"))]
    assert not strangers, f"{wheel.name} holds {strangers}"
    assert wheel.stat().st_size <= LARGEST_WHEEL, f"{wheel.name} has {wheel.stat().st_size:,} bytes"


def _contents(wheel: Path) -> dict[str, int]:
    return {entry.filename: entry.CRC for entry in zipfile.ZipFile(wheel).infolist()}


def _install(wheel: Path, environment: Path) -> Path:
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--quiet", str(wheel)])
    return python


def _without_network() -> list[str]:
    """Return a command prefix that cuts the network off, where the system allows it."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
        return prefix
    print("this system cannot cut the network off; only Python's sockets are blocked")
    return []


def _run(command: list[str], cwd: Path | None = None) -> str:
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if finished.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{finished.stdout}\n{finished.stderr}")
    return finished.stdout


if __name__ == "__main__":
    main()
