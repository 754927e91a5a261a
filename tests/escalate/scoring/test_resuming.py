"""Runs that are killed, run into a full disk, or meet each other."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalate import Classifier, Prediction, ScoringError, processor, score_file
from escalate.bundle import seal
from escalate.cli import app
from escalate.scoring.answers import Answerer
from escalate.scoring.journal import Journal
from escalate.scoring.journal import durable_file as durable
from tests.escalate.scoring.tables import (
    MESSAGES,
    read_any,
    rows_of,
    run_score,
    score_command,
    score_without_waiting,
    write_csv,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")

KILLS = 20
BAD_LINES = (b"one cell", b"1,2,3,4", b'77,"never closed', b"5,2024-01-01,", b"6,2024-01-01,\xff\xfe")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 rows in four languages, of which 1 % are bad."""
    chosen = random.Random(5)
    path = tmp_path_factory.mktemp("large") / "large.csv"
    lines = [b"id,day,text"]
    for i in range(20_000):
        if i % 100 == 50:
            lines.append(chosen.choice(BAD_LINES))
            continue
        text = chosen.choice(MESSAGES) + chosen.choice(["", "\nsecond line", ' "quoted"'])
        cells = io.StringIO(newline="")
        csv.writer(cells, quoting=csv.QUOTE_ALL).writerow([i, f"2024-{1 + i % 12:02d}-01", text])
        lines.append(cells.getvalue().rstrip("\r\n").encode("utf-8"))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def begin(source: Path, output: Path) -> BaseProcess:
    """Start a run in a process of its own, forked from one that has imported everything."""
    context = get_context("forkserver")
    context.set_forkserver_preload([score_without_waiting.__module__])
    options = {"text_column": "text", "time_column": "day", "resume": True}
    process = context.Process(target=score_without_waiting, args=(source, output), kwargs=options)
    process.start()
    return process


@posix_only
@pytest.mark.parametrize(("ending", "kills"), [("csv", KILLS), ("parquet", 4), ("jsonl.gz", 2)])
def test_killed_at_random_moments_and_resumed(ending: str, kills: int, large: Path, tmp_path: Path) -> None:
    undisturbed = tmp_path / f"undisturbed.{ending}"
    start = time.monotonic()
    assert ended(begin(large, undisturbed)) == 0
    seconds = time.monotonic() - start
    expected = undisturbed.read_bytes()

    chosen = random.Random(11)
    killed = with_parts = outputs = 0
    while killed < kills:
        output = tmp_path / f"killed-{outputs}.{ending}"
        journal = output.with_name(f"{output.name}.parts") / "journal.jsonl"
        while killed < kills and not output.exists():
            process = begin(large, output)
            # Some parts further on, and then at any moment of the next few.
            enough = lines_of(journal) + chosen.randrange(5)
            while lines_of(journal) < enough and process.is_alive() and not output.exists():
                time.sleep(0.002)
            process.join(chosen.random() * seconds / 4)
            process.kill()
            code = ended(process)
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            with_parts += lines_of(journal) > 1
        # A run that was killed at the end of its clean-up has left nothing to resume beside its output.
        if journal.exists() or not output.exists():
            assert ended(begin(large, output)) == 0
        assert output.read_bytes() == expected
        assert not journal.exists()
        outputs += 1
    assert with_parts >= kills // 2  # not all of them died while they still loaded the model
    statuses = Counter(row["status"] for row in read_any(undisturbed))
    assert statuses["ok"] == 19_800
    assert sum(statuses.values()) == 20_000


def ended(process: BaseProcess) -> int | None:
    process.join(300)
    return process.exitcode


def lines_of(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """Copy a bundle under another version."""
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["version"] = folder.name
    (folder / "manifest.json").write_text(json.dumps(seal(manifest)), encoding="utf-8")
    return folder


class Killed(BaseException):
    """Ends a run where it stands, as a kill does."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six parts of rows."""
    return write_csv(tmp_path / "in.csv", rows_of(60))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalate.scoring.text_sources.BLOCK_ROWS", 10)
    monkeypatch.setattr("escalate.scoring.parts.PART_ROWS", 10)


def stop_after(rows: int) -> Any:
    def on_progress(done: int, total: int) -> None:
        if done >= rows:
            raise Killed

    return on_progress


def interrupted(source: Path, output: Path, rows: int = 30, **options: Any) -> Path:
    """Leave an unfinished run behind and return its folder."""
    with pytest.raises(Killed):
        score_file(source, output, on_progress=stop_after(rows), **options)
    assert not output.exists()
    return output.with_name(f"{output.name}.parts")


def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the texts that the model is asked from now on."""
    asked: list[str] = []
    original = Classifier.predict_many

    def predict_many(self: Classifier, texts: Any, *arguments: Any) -> Iterator[Any]:
        texts = list(texts)
        asked.extend(texts)
        return original(self, texts, *arguments)

    monkeypatch.setattr(Classifier, "predict_many", predict_many)
    return asked


def test_finished_parts_are_not_scored_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(source, [{"id": str(i), "text": f"where is parcel {i} now"} for i in range(60)])
    score_file(source, tmp_path / "whole.csv")
    folder = interrupted(source, tmp_path / "out.csv")
    assert len(list(folder.glob("part-*"))) == 3
    asked = asked_of(monkeypatch)
    summary = score_file(source, tmp_path / "out.csv", resume=True)
    assert asked == [f"where is parcel {i} now" for i in range(30, 60)]
    assert (summary.resumed, summary.tally.rows) == (30, 60)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not folder.exists()


def test_the_summary_counts_the_rows_of_all_runs(source: Path, tmp_path: Path) -> None:
    whole = score_file(source, tmp_path / "whole.csv", time_column="day").tally
    interrupted(source, tmp_path / "out.csv", time_column="day")
    assert score_file(source, tmp_path / "out.csv", time_column="day", resume=True).tally == whole


@pytest.mark.parametrize("harm", ["altered", "missing", "torn journal", "part without entry"])
def test_a_damaged_part_is_made_again(harm: str, source: Path, tmp_path: Path) -> None:
    score_file(source, tmp_path / "whole.csv")
    folder = interrupted(source, tmp_path / "out.csv")
    if harm == "altered":
        (folder / "part-000001.csv").write_bytes(b"x")
    elif harm == "missing":
        (folder / "part-000001.csv").unlink()
    else:
        journal = folder / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:-1]) + (lines[-1][:20] if harm == "torn journal" else b""))
    summary = score_file(source, tmp_path / "out.csv", resume=True)
    assert summary.resumed == (20 if "journal" in harm or "entry" in harm else 10)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"prefix": "x_"}, "--prefix was  and is x_"),
        ({"limit": 50}, "--limit was None and is 50"),
        ({"time_column": "day"}, "--time-column was None and is day"),
        ({"encoding": "cp1255"}, "--encoding was utf-8 and is cp1255"),
        ({"text_column": "id"}, "--text-column was text and is id"),
        ({"id_column": "id"}, "--id-column was None and is id"),
        ({"delimiter": ";", "text_column": "id,day,text"}, "--delimiter was None and is ;"),
        ({"quote": "'"}, "--quote was \" and is '"),
        ({"escape": "\\"}, "--escape was  and is \\"),
    ],
)
def test_a_changed_option_is_refused(
    options: dict[str, Any], named: str, source: Path, tmp_path: Path
) -> None:
    folder = interrupted(source, tmp_path / "out.csv", text_column="text")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ScoringError, match="cannot be resumed") as error:
        score_file(source, tmp_path / "out.csv", resume=True, **{"text_column": "text", **options})
    assert named in str(error.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("place", "name", "version"),
    [
        ("onnxruntime.__version__", "onnxruntime", "0.0.1"),
        ("pyarrow.__version__", "pyarrow", "0.0.1"),
        ("tokenizers.__version__", "tokenizers", "0.0.1"),
        ("escalate.scoring.plan.__version__", "escalate", "0.0.1"),
        ("platform.python_version", "Python", lambda: "0.0.1"),
    ],
)
def test_another_version_of_what_answers_is_refused(
    place: str, name: str, version: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(source, tmp_path / "out.csv")
    with monkeypatch.context() as patch:
        patch.setattr(place, version)
        with pytest.raises(
            ScoringError, match=rf"these changed: version of {name} was \S+ and is 0\.0\.1\. "
        ):
            score_file(source, tmp_path / "out.csv", resume=True)
    assert score_file(source, tmp_path / "out.csv", resume=True).resumed == 30


def test_another_kind_of_processor_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPU_INFO", cpu_info)
    cpu_info.write_text("flags : avx2 avx512_vnni\n", encoding="utf-8")
    interrupted(source, tmp_path / "out.csv")
    cpu_info.write_text("flags : avx2\n", encoding="utf-8")
    with pytest.raises(ScoringError, match=r"processor with exact products .*\(VNNI\) was True and is False"):
        score_file(source, tmp_path / "out.csv", resume=True)


def test_a_changed_input_is_refused(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out.csv")
    data = source.read_bytes()
    source.write_bytes(data.replace(b"parcel", b"letter"))  # of the same size
    with pytest.raises(ScoringError, match=r"these changed: input in\.csv was .* bytes with SHA-256"):
        score_file(source, tmp_path / "out.csv", resume=True)
    source.write_bytes(data)
    assert score_file(source, tmp_path / "out.csv", resume=True).resumed == 30


def test_a_file_more_in_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_csv(tmp_path / "in" / "a.csv", rows_of(60))
    interrupted(tmp_path / "in", tmp_path / "out.csv")
    write_csv(tmp_path / "in" / "b.csv", rows_of(60))
    with pytest.raises(ScoringError, match=r"input b\.csv is new"):
        score_file(tmp_path / "in", tmp_path / "out.csv", resume=True)


def test_a_changed_model_and_policy_are_refused(source: Path, tmp_path: Path, released: Path) -> None:
    interrupted(source, tmp_path / "out.csv")
    policy = json.loads((released / "manifest.json").read_text(encoding="utf-8"))["policy"]
    policy["unsupported"] = "escalate"
    (tmp_path / "policy.json").write_text(json.dumps(policy), encoding="utf-8")
    with pytest.raises(ScoringError, match=r"policy unsupported was .* and is escalate"):
        score_file(source, tmp_path / "out.csv", resume=True, policy=tmp_path / "policy.json")
    other = copy_bundle(released, tmp_path / "other")
    with pytest.raises(ScoringError, match=r"model version was .* and is other"):
        score_file(source, tmp_path / "out.csv", resume=True, model=other)


def test_input_written_to_while_it_is_read(source: Path, tmp_path: Path) -> None:
    def on_progress(done: int, total: int) -> None:
        if done == 30:
            with source.open("ab") as stream:
                stream.write(b"00060,2024-01-01,more\n")

    with pytest.raises(ScoringError, match=r"in\.csv changed while it was read"):
        score_file(source, tmp_path / "out.csv", on_progress=on_progress)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("deleted", [0, 1, 6])
def test_killed_in_the_cleaning(
    deleted: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = Journal.remove

    def killed_with_parts(journal: Journal) -> None:
        if journal.parts:
            raise Killed
        remove(journal)

    with monkeypatch.context() as patch:
        patch.setattr("escalate.scoring.journal.Journal.remove", killed_with_parts)
        with pytest.raises(Killed):
            score_file(source, tmp_path / "out.csv")
    data = (tmp_path / "out.csv").read_bytes()
    for number in range(deleted):
        (tmp_path / "out.csv.parts" / f"part-{number:06d}.csv").unlink()
    summary = score_file(source, tmp_path / "out.csv", resume=True)
    assert summary.resumed == summary.tally.rows == 60
    assert (tmp_path / "out.csv").read_bytes() == data
    assert not (tmp_path / "out.csv.parts").exists()


def test_killed_at_the_start(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "lock").touch()
    (folder / "journal.jsonl.tmp").write_text('{"format"', encoding="utf-8")
    assert score_file(source, tmp_path / "out.csv", resume=True).tally.rows == 60
    assert not folder.exists()


def test_an_input_that_changed_and_was_put_back_is_not_mixed(tmp_path: Path) -> None:
    """The rows of a file that changed meanwhile must not be among the finished parts."""
    # So wide that the rows at the end are read when those at the beginning are done.
    source = write_csv(tmp_path / "in.csv", [{**row, "id": row["id"] * 1_000} for row in rows_of(60)])
    score_file(source, tmp_path / "whole.csv", text_column="text")
    data = source.read_bytes()

    def on_progress(done: int, total: int) -> None:
        if done == 10:
            source.write_bytes(data.replace(b"Where is my parcel?", b"Let me see a human!"))

    with pytest.raises(ScoringError, match="changed while it was read"):
        score_file(source, tmp_path / "out.csv", text_column="text", on_progress=on_progress)
    source.write_bytes(data)
    score_file(source, tmp_path / "out.csv", text_column="text", resume=True)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_parts_are_no_input_of_the_pattern_that_fits_them(source: Path, tmp_path: Path) -> None:
    pattern, output = tmp_path / "**" / "*.csv", tmp_path / "out" / "all.csv"
    output.parent.mkdir()
    interrupted(pattern, output)
    assert score_file(pattern, output, resume=True).tally.rows == 60


@pytest.mark.parametrize("name", ["", "part-000000.json"])
def test_the_parts_of_a_run_are_not_its_input(name: str, source: Path, tmp_path: Path) -> None:
    folder = interrupted(source, tmp_path / "out.jsonl")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ScoringError, match=r"the input .* is in .*out\.jsonl\.parts, which a run deletes"):
        score_file(folder / name, tmp_path / "out.jsonl", text_column="text", overwrite=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_that_no_run_made_survives_the_cleaning(source: Path, tmp_path: Path) -> None:
    folder = interrupted(source, tmp_path / "out.csv")
    (folder / "notes.md").write_text("precious", encoding="utf-8")
    score_file(source, tmp_path / "out.csv", resume=True)
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "notes.md"]


def test_what_exists_is_not_overwritten_without_being_told(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("precious", encoding="utf-8")
    for resume in (False, True):
        with pytest.raises(ScoringError, match="--overwrite"):
            score_file(source, output, resume=resume)
    assert output.read_text(encoding="utf-8") == "precious"
    with pytest.raises(Killed):
        score_file(source, output, overwrite=True, on_progress=stop_after(30))
    assert output.read_text(encoding="utf-8") == "precious"
    with pytest.raises(ScoringError, match="not of this run"):
        score_file(source, output, resume=True)
    assert score_file(source, output, resume=True, overwrite=True).resumed == 30
    assert len(read_any(output)) == 60


def test_an_unfinished_run_is_not_lost_by_accident(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out.csv")
    with pytest.raises(ScoringError, match="--resume"):
        score_file(source, tmp_path / "out.csv")
    assert score_file(source, tmp_path / "out.csv", overwrite=True).resumed == 0


def test_a_run_that_fails_before_its_first_part_leaves_nothing(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [{"id": "1", "text": ""}, *[{"id": "2", "text": "b c"}] * 20])
    with pytest.raises(ScoringError, match=r"in\.csv, row 1 \(id 1\): missing_text"):
        score_file(source, tmp_path / "out.csv", text_column="text", id_column="id", strict=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


def test_strict_also_sees_the_bad_rows_of_an_earlier_run(tmp_path: Path) -> None:
    rows = rows_of(60)
    rows[14]["text"] = ""
    source = write_csv(tmp_path / "in.csv", rows)
    interrupted(source, tmp_path / "out.csv", text_column="text")
    with pytest.raises(ScoringError, match=r"row 15: missing_text"):
        score_file(source, tmp_path / "out.csv", text_column="text", resume=True, strict=True)


def test_two_runs_on_one_output_exclude_each_other(source: Path, tmp_path: Path) -> None:
    refused = []

    def on_progress(done: int, total: int) -> None:
        if done == 30:
            other = run_score(source, tmp_path / "out.csv", "--resume", "--overwrite")
            refused.append((other.returncode, other.stderr))

    score_file(source, tmp_path / "out.csv", on_progress=on_progress)
    [(code, errors)] = refused
    assert code == 1
    assert "another run is writing" in errors
    assert len(read_any(tmp_path / "out.csv")) == 60


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_part_ends_at_its_size_too(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**row, "id": row["id"] * 1_000} for row in rows_of(60)]
    source = tmp_path / f"in.{ending}"
    if ending == "csv":
        write_csv(source, rows)
    elif ending == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), source)
    monkeypatch.setattr("escalate.scoring.parts.PART_ROWS", 1_000)
    monkeypatch.setattr("escalate.scoring.parquet_source.BLOCK_ROWS", 10)
    score_file(source, tmp_path / "whole.csv", text_column="text")
    # Ten rows, a block, have little more than 50,000 characters or bytes.
    monkeypatch.setattr("escalate.scoring.parts.PART_SIZE", 100_000)
    done = []
    score_file(
        source, tmp_path / "out.csv", text_column="text", on_progress=lambda rows, total: done.append(rows)
    )
    assert done == [0, 20, 40, 60]
    interrupted(source, tmp_path / "resumed.csv", 20, text_column="text")
    assert score_file(source, tmp_path / "resumed.csv", text_column="text", resume=True).resumed == 20
    expected = (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "resumed.csv").read_bytes() == expected


@posix_only
def test_ctrl_c_and_resume(large: Path, tmp_path: Path) -> None:
    undisturbed, output = tmp_path / "undisturbed.csv", tmp_path / "out.csv"
    assert ended(begin(large, undisturbed)) == 0
    arguments = ("--text-column", "text", "--time-column", "day")
    process = subprocess.Popen(
        score_command(large, output, *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    journal = tmp_path / "out.csv.parts" / "journal.jsonl"
    while lines_of(journal) < 3 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "interrupted; finished parts are kept, go on with --resume" in errors
    assert "Traceback" not in errors
    assert not output.exists()
    resumed = run_score(large, output, *arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "20,000 rows in" in resumed.stdout
    assert " 20,000 of them now" not in resumed.stdout
    assert output.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize(("rows", "said"), [(0, "nothing is kept"), (10, "kept, go on with --resume")])
def test_an_interrupted_run_says_what_is_kept(
    rows: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(lines: object, done: int, total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    monkeypatch.setattr("escalate.scoring.command._LogLines.__call__", interrupt)
    source = write_csv(tmp_path / "in.csv", rows_of(60))
    with pytest.raises(SystemExit) as ended:
        app(["score", str(source), str(tmp_path / "out.csv")])
    assert ended.value.code == 130
    assert said in capsys.readouterr().err
    assert (tmp_path / "out.csv.parts").exists() == bool(rows)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_ends_early_does_not_wait_for_the_part_under_way(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(tmp_path / "in.csv", [{"text": f"where is parcel {i} now"} for i in range(60)])
    asked: list[str] = []
    under_way, stopped = threading.Event(), threading.Event()
    predict, stop = Classifier.predict, Answerer.stop

    def predict_in_step(self: Classifier, text: str) -> Prediction:
        asked.append(text)
        if len(asked) == 11:  # the first of the second part
            under_way.set()
            assert stopped.wait(60)
        return predict(self, text)

    def note_stop(self: Answerer) -> None:
        stop(self)
        stopped.set()

    def on_progress(done: int, total: int) -> None:
        if done == 10:
            assert under_way.wait(60)
            raise Killed

    monkeypatch.setattr(Classifier, "predict", predict_in_step)
    monkeypatch.setattr(Answerer, "stop", note_stop)
    with pytest.raises(Killed):
        score_file(source, tmp_path / "out.csv", workers=workers, on_progress=on_progress)
    assert len(asked) == 11


@posix_only
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_full_disk_keeps_the_finished_parts(ending: str, large: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: parts fit, the joined output does not."""
    import resource

    undisturbed, output = tmp_path / f"undisturbed.{ending}", tmp_path / f"out.{ending}"
    assert ended(begin(large, undisturbed)) == 0
    limit = undisturbed.stat().st_size * 2 // 3
    command = score_command(large, output, "--text-column", "text", "--time-column", "day")
    full = subprocess.run(
        command,
        check=False,
        capture_output=True,
        encoding="utf-8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.returncode == 1
    assert full.stderr.strip().splitlines()[-1].startswith("escalate: cannot write")
    assert "File too large; 20,000 of 20,000 rows are done and kept in" in full.stderr
    assert "Traceback" not in full.stderr
    assert not output.exists()
    resumed = run_score(large, output, "--text-column", "text", "--time-column", "day", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "20,000 rows in" in resumed.stdout
    assert " 0 of them now" in resumed.stdout
    assert output.read_bytes() == undisturbed.read_bytes()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the names of open files")
def test_what_the_journal_names_is_on_the_disk_before(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
    )
    score_file(source, tmp_path / "out.csv", limit=20)
    folder = tmp_path / "out.csv.parts"
    parts = [[folder / f"part-{number:06d}.csv.tmp", folder, folder / "journal.jsonl"] for number in range(2)]
    start, end = (
        [folder / "journal.jsonl.tmp", folder],
        [folder / "journal.jsonl", folder / "whole.tmp", tmp_path],
    )
    assert synced == [*start, *parts[0], *parts[1], *end]


@posix_only
def test_files_are_synced_by_a_handle_that_may_write(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows syncs no others; folders are synced where there is POSIX only."""
    import fcntl

    modes = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)

    monkeypatch.setattr("os.fsync", fsync)
    score_file(source, tmp_path / "out.csv", limit=20)
    assert len(modes) > 0
    assert os.O_RDONLY not in modes


def test_a_disk_that_fills_in_the_middle(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_file(source, tmp_path / "whole.csv")

    def durable_file(path: Path, *arguments: Any) -> Any:
        if path.name == "part-000004.csv":
            raise OSError(28, "No space left on device", str(path))
        return durable(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("escalate.scoring.parts.durable_file", durable_file)
        with pytest.raises(ScoringError, match=r"No space left on device; 40 of 60 rows are done and kept"):
            score_file(source, tmp_path / "out.csv")
    assert score_file(source, tmp_path / "out.csv", resume=True).resumed == 40
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
