from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import escalate
from escalate import MissingExtraError, ScoringError, score_file
from escalate.policy import ACTIONS
from tests.escalate.scoring.tables import MESSAGES, read_any, rows_of, run_score, score_command, write_csv


def cells_of(shown: str) -> list[list[str]]:
    """Return the rows of the tables on a terminal, without their headers."""
    lines = [line for line in shown.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def line_of(label: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the cells that belong to some rows of an output."""
    actions = Counter(row["action"] for row in rows)
    rate = actions["escalate"] / len(rows)
    return [label, str(len(rows)), *(str(actions[action]) for action in ACTIONS), f"{rate:.1%}"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows of which each language has another number."""
    rows = rows_of(60)
    for number in (0, 8, 16):
        rows[number]["text"] = MESSAGES[3]
    for number in (6, 14):
        rows[number]["text"] = MESSAGES[5]
    rows[20]["text"] = ""
    rows[30]["day"] = "yesterday"
    return write_csv(tmp_path / "in.csv", rows)


def test_the_summary_of_a_run(source: Path, tmp_path: Path) -> None:
    finished = run_score(source, tmp_path / "out.csv", "--id-column", "id", "--time-column", "day")
    assert finished.returncode == 0, finished.stderr
    answered = [row for row in read_any(tmp_path / "out.csv") if row["status"] == "ok"]
    shown = cells_of(finished.stdout)
    sizes = []
    for language in ("he", "ar", "cs", "en"):
        own = [row for row in answered if row["language"] == language]
        sizes.append(len(own))
        assert line_of(language, own) in shown
    assert len(set(sizes)) == 4  # or else the figures of one could stand beside another
    assert line_of("all", answered) in shown
    for month in ("2024-01", "2024-02", "2024-03"):
        own = [row for row in answered if row["day"].startswith(month)]
        assert line_of(month, own) in shown
    assert line_of("unknown", [row for row in answered if row["day"] == "yesterday"]) in shown
    assert "1 rows without an answer: 1 missing_text" in finished.stdout
    assert "row 21 (id 00020): missing_text" in finished.stdout
    assert "60 rows in" in finished.stdout
    # In a log there are lines, not a bar.
    assert "scoring 60 of 60 rows" in finished.stderr
    assert "rows/s" in finished.stderr
    assert "\x1b" not in finished.stderr + finished.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal(source: Path, tmp_path: Path) -> None:
    import pty

    here, there = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        score_command(source, tmp_path / "out.csv"), stdout=subprocess.DEVNULL, stderr=there, env=environment
    )
    os.close(there)
    shown = b""
    while True:
        try:
            data = os.read(here, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(here)
    assert process.wait() == 0
    assert "━".encode() in shown
    assert b"60/60" in shown


def test_the_report(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    score_file(source, tmp_path / "out.csv", time_column="day", report=folder)
    report = (folder / "REPORT.md").read_text(encoding="utf-8")
    assert "# Scores of out.csv" in report
    assert "60 rows, of which 1 without an answer" in report
    assert "| Hebrew     |" in report
    assert "| missing_text | 1      |" in report
    for figure in ("escalation_rate.png", "scores.png"):
        assert f"({figure})" in report
        assert (folder / figure).read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.iterdir())) == 3


def test_a_report_without_a_folder_is_refused_before_the_work(source: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(ScoringError, match=r"taken is a file; name another with --report"):
        score_file(source, tmp_path / "out.csv", report=tmp_path / "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "taken"]


def test_a_report_that_fails_is_written_by_the_next_run(source: Path, tmp_path: Path) -> None:
    output, report = tmp_path / "out.csv", tmp_path / "report"
    (report / "REPORT.md").mkdir(parents=True)
    with pytest.raises(ScoringError, match=r"out\.csv is written, but not its report: .* --resume"):
        score_file(source, output, report=report)
    written = output.read_bytes()
    (report / "REPORT.md").rmdir()
    summary = score_file(source, output, report=report, resume=True)
    assert summary.resumed == 60
    assert output.read_bytes() == written
    assert "60 rows" in (report / "REPORT.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "report"]


def test_the_report_without_times_and_without_rows(source: Path, tmp_path: Path) -> None:
    score_file(source, tmp_path / "out.csv", report=tmp_path / "report")
    assert not (tmp_path / "report" / "escalation_rate.png").exists()
    (tmp_path / "none.csv").write_text("text\n", encoding="utf-8")
    score_file(tmp_path / "none.csv", tmp_path / "none.jsonl", report=tmp_path / "none")
    lines = (tmp_path / "none" / "REPORT.md").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if "without an answer;" in line]
    assert line.startswith("0 rows, of which 0 without an answer; ")
    assert line.endswith(" seconds, 0 rows done by an earlier run.")


@pytest.mark.filterwarnings("error")
def test_months_of_other_languages_only_are_not_drawn(tmp_path: Path) -> None:
    rows = [{"day": "2024-01-05", "text": "где моя посылка"}, {"day": "", "text": "Where is my parcel?"}]
    source = write_csv(tmp_path / "in.csv", rows)
    report = tmp_path / "report"
    score_file(source, tmp_path / "out.csv", text_column="text", time_column="day", report=report)
    assert [row["language"] for row in read_any(tmp_path / "out.csv")] == ["other", "en"]
    assert "2024-01" in (report / "REPORT.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in report.iterdir()) == ["REPORT.md", "scores.png"]


def test_a_dry_run_writes_nothing(source: Path, tmp_path: Path) -> None:
    before, output = sorted(tmp_path.iterdir()), tmp_path / "out.parquet"
    finished = run_score(source, output, "--dry-run", "--limit", "50", "--workers", "1")
    assert finished.returncode == 0, finished.stderr
    facts = (
        f"input 1 csv file (in.csv), {source.stat().st_size:,} bytes",
        "rows 50",
        "columns id (string), day (string), text (string)",
        "messages in text",
        f"output {output}, parquet",
        "time about 0:",
    )
    # Without spaces, because a long path goes on in the next line.
    printed = "".join(finished.stdout.split())
    assert printed.startswith("".join("".join(facts).split()))
    assert printed.endswith("with1workers")
    assert sorted(tmp_path.iterdir()) == before


def test_the_text_column_is_found_or_asked_for(tmp_path: Path) -> None:
    rows = [{"id": f"a{i}", "city": "Brno", "text": "Where is it now?", "note": ""} for i in range(30)]
    score_file(write_csv(tmp_path / "one.csv", rows), tmp_path / "one.jsonl")
    assert read_any(tmp_path / "one.jsonl")[0]["status"] == "ok"
    for row in rows:
        row["note"] = "called him twice"
    source = write_csv(tmp_path / "two.csv", rows)
    with pytest.raises(
        ScoringError, match=r"2 columns may hold.*--text-column: 'id', 'city', 'text', 'note'"
    ):
        score_file(source, tmp_path / "two.jsonl")
    score_file(source, tmp_path / "two.jsonl", id_column="note")


def test_an_encoding_that_hides_the_messages_is_mentioned(tmp_path: Path) -> None:
    rows = [{"city": "חיפה", "text": "אני רוצה לדבר עם נציג"}] * 3
    source = write_csv(tmp_path / "in.csv", rows, encoding="cp1255")
    with pytest.raises(ScoringError, match=r"no column seems to hold.*--encoding.*'city', 'text'"):
        score_file(source, tmp_path / "out.csv")
    score_file(source, tmp_path / "out.csv", encoding="cp1255")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text-column", "absent"], "'absent' is no column of the input; it has 'id', 'day', 'text'"),
        (["--id-column", "absent"], "--id-column 'absent'"),
        (["--encoding", "klingon"], "no encoding 'klingon'"),
        (["--delimiter", "||"], "must be one character"),
        (["--workers", "0"], "--workers is 0"),
        (["--limit", "0"], "--limit is 0"),
        (["--model", "absent"], "absent"),
        (["--policy", "absent.json"], "absent.json"),
    ],
)
def test_wrong_options_say_what_is_wrong(
    options: list[str], message: str, source: Path, tmp_path: Path
) -> None:
    finished = run_score(source, tmp_path / "out.csv", *options)
    assert finished.returncode == 1
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


@pytest.mark.parametrize(
    ("source_name", "output_name", "message"),
    [
        ("absent.csv", "out.csv", "nothing to read"),
        ("*.pq", "out.csv", "nothing to read"),
        ("in.csv", "out.xlsx", "no ending of a known format"),
        ("in.csv", "out.parquet.gz", "compressed inside"),
        ("in.csv", "absent/out.csv", "No such file"),
        ("in.csv", "in.csv", "--overwrite"),
        ("in.csv", "folder", "is a folder"),
        ("folder", "folder/out.csv", "inside the input"),
        ("broken.parquet", "out.csv", "broken.parquet"),
        ("empty.csv", "out.csv", "column names"),
        ("twice.csv", "out.csv", "more than one column 'text'"),
        ("clash.csv", "out.csv", "already has the column 'status'"),
    ],
)
def test_wrong_files_say_what_is_wrong(
    source_name: str, output_name: str, message: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    write_csv(tmp_path / "folder" / "a.csv", rows_of(3))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no PAR1")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "twice.csv").write_text("text,text\na,b\n", encoding="utf-8")
    (tmp_path / "clash.csv").write_text("text,status\na,b\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ScoringError, match=message):
        score_file(tmp_path / source_name, tmp_path / output_name, text_column="text")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs the errors of POSIX")
@pytest.mark.parametrize(
    ("source_name", "output_name", "report", "message"),
    [
        ("long.csv", "out.csv", None, "cannot read .*long.csv: File name too long"),
        ("*long.csv", "out.csv", None, "cannot read .*long.csv: File name too long"),
        ("in.csv", "long.csv", None, "cannot write .*long.csv: File name too long; name another"),
        ("in.csv", "long/out.csv", None, "cannot write .*out.csv: File name too long; name another"),
        ("in.csv", "out.csv", "long", "cannot write .*long: File name too long; name another"),
    ],
)
def test_names_that_no_file_can_have_are_refused(
    source_name: str, output_name: str, report: str | None, message: str, source: Path, tmp_path: Path
) -> None:
    source_name, output_name = (name.replace("long", "long" * 80) for name in (source_name, output_name))
    folder = None if report is None else tmp_path / (report * 80)
    with pytest.raises(ScoringError, match=message):
        score_file(tmp_path / source_name, tmp_path / output_name, report=folder)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_summary_that_cannot_be_shown_exits_1_and_keeps_the_output(source: Path, tmp_path: Path) -> None:
    command = score_command(source, tmp_path / "out.csv")
    with Path("/dev/full").open("wb") as full:
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8")
    assert finished.returncode == 1
    assert "No space left on device" in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr
    assert len(read_any(tmp_path / "out.csv")) == 60


def test_an_input_is_not_overwritten_by_its_answers(source: Path) -> None:
    with pytest.raises(ScoringError, match="is an input file"):
        score_file(source, source, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("source_name", ["all.csv.parts", "all.csv.parts/a.csv", "in.csv"])
def test_a_folder_that_no_run_made_is_left_alone(
    source_name: str, overwrite: bool, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "all.csv.parts"
    folder.mkdir()
    write_csv(folder / "a.csv", rows_of(3))
    (folder / "notes.md").write_text("precious", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ScoringError, match=r"is no folder of an unfinished run, but holds a\.csv; move"):
        score_file(tmp_path / source_name, tmp_path / "all.csv", overwrite=overwrite)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_prefix_avoids_a_clash(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,status\nhello there,open\n", encoding="utf-8")
    score_file(tmp_path / "in.csv", tmp_path / "out.csv", text_column="text", prefix="escalate_")
    row = read_any(tmp_path / "out.csv")[0]
    assert (row["status"], row["escalate_status"]) == ("open", "ok")


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, escalate, escalate.cli\n"
        "assert not {'pyarrow', 'matplotlib', 'filelock', 'tabulate'} & set(sys.modules), sys.modules\n"
        "sys.modules['pyarrow'] = None\n"
        "try:\n    escalate.score_file\nexcept escalate.MissingExtraError as error:\n    print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "pip install 'escalate-nlp[batch]'" in finished.stdout


def test_the_command_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", rows_of(3))
    code = "import sys; sys.modules['pyarrow'] = None; from escalate.cli import main; main()"
    command = [sys.executable, "-c", code, "score", f"{tmp_path}/a.csv", f"{tmp_path}/b.csv"]
    finished = subprocess.run(command, capture_output=True, check=False, encoding="utf-8")
    assert finished.returncode == 1
    assert "pip install 'escalate-nlp[batch]'" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_report_without_its_packages_is_refused_before_the_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "escalate.scoring.report", raising=False)
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"report \(module matplotlib.*'escalate-nlp\[batch\]'"):
        score_file(source, tmp_path / "out.csv", report=tmp_path / "report")
    assert list(tmp_path.iterdir()) == [source]


def test_the_library_offers_the_function() -> None:
    assert escalate.score_file is score_file
    with pytest.raises(AttributeError, match="no attribute 'score_files'"):
        escalate.score_files  # type: ignore[attr-defined]  # noqa: B018
