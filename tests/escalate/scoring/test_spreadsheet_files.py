"""CSV files as spreadsheets write and open them."""

from __future__ import annotations

import codecs
import gzip
import re
from pathlib import Path

import pytest

from escalate import ScoringError, score_file
from tests.escalate.scoring.tables import read_any, rows_of, run_score, write_csv


@pytest.mark.parametrize(("name", "delimiter"), [("in.csv", ";"), ("in.csv", "\t"), ("in.tsv", ",")])
def test_a_header_that_something_else_parts_is_refused(tmp_path: Path, name: str, delimiter: str) -> None:
    source = write_csv(tmp_path / name, rows_of(8), delimiter=delimiter)
    remedy = re.escape(f"if {delimiter!r} parts the cells, name it with --delimiter")
    with pytest.raises(ScoringError, match=remedy):
        score_file(source, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    score_file(source, tmp_path / "out.jsonl", delimiter=delimiter)
    assert [row["text"] for row in read_any(tmp_path / "out.jsonl")] == [row["text"] for row in rows_of(8)]


def test_a_first_line_for_spreadsheets_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sep=;\nid;text\n1;Where is it?\n", encoding="utf-8")
    for delimiter in (None, ";"):
        with pytest.raises(ScoringError, match=r"begins with 'sep=;?'.* take that line out"):
            score_file(tmp_path / "in.csv", tmp_path / "out.jsonl", delimiter=delimiter)


def test_columns_without_a_name_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,,\nWhere is it?,,\n", encoding="utf-8")
    with pytest.raises(ScoringError, match="more than one column without a name"):
        score_file(tmp_path / "in.csv", tmp_path / "out.jsonl")


def test_a_header_may_hold_such_a_mark_where_the_delimiter_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("message; as typed\nwhere is it; and when\n", encoding="utf-8")
    score_file(tmp_path / "in.csv", tmp_path / "out.jsonl", delimiter=",")
    (row,) = read_any(tmp_path / "out.jsonl")
    assert (row["message; as typed"], row["status"]) == ("where is it; and when", "ok")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_kept(tmp_path: Path, encoding: str) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(8), encoding)
    score_file(source, tmp_path / "out.csv", text_column="text")
    score_file(source, tmp_path / "out.csv.gz", text_column="text")
    score_file(source, tmp_path / "out.jsonl", text_column="text")
    written = (tmp_path / "out.csv").read_bytes()
    assert written.count(codecs.BOM_UTF8) == written.startswith(codecs.BOM_UTF8) == (encoding == "utf-8-sig")
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == written
    assert codecs.BOM_UTF8 not in (tmp_path / "out.jsonl").read_bytes()


def test_times_that_are_not_iso_8601_are_said_to_be_so(tmp_path: Path) -> None:
    rows = [{**row, "day": f"{place + 1:02d}/11/2026"} for place, row in enumerate(rows_of(8))]
    source = write_csv(tmp_path / "in.csv", rows)
    finished = run_score(source, tmp_path / "out.csv", "--text-column", "text", "--time-column", "day")
    assert finished.returncode == 0, finished.stderr
    assert "no time begins like 2024-05 (ISO 8601)" in finished.stdout
    assert "unknown" not in finished.stdout
