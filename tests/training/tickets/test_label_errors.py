from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from random import Random

import pytest

from tests.training.tickets.making import make_rows, run, text_of, write_rows
from training.corpus.messages import CORPUS, read_split
from training.tickets.columns import Columns
from training.tickets.corrections import apply_review
from training.tickets.label_errors import Dispute
from training.tickets.reading import read_tickets
from training.tickets.review import COLUMNS, check_code, write_review

Review = list[dict[str, str]]


def read_rows(path: Path, delimiter: str = ",") -> Review:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def write_answers(path: Path, rows: Review, delimiter: str = ",") -> Path:
    return write_rows(path, [list(row.values()) for row in rows], COLUMNS, "utf-8-sig", delimiter)


def review_of(source: Path, folder: Path, columns: Columns, *answers: tuple[int, str, str]) -> Path:
    """Write a review with answers for positions and outputs."""
    tickets = read_tickets(source, columns)
    disputes = [
        Dispute(tickets.rows[i], tickets.messages[i], output, tickets.messages[i].label(output) or 0, 0.9)
        for i, output, _ in answers
    ]
    write_review(folder / "review.csv", disputes)
    rows = read_rows(folder / "review.csv")
    for row, (_, _, answer) in zip(rows, answers, strict=True):
        row["correct"] = answer
    return write_answers(folder / "review.csv", rows)


def test_labels_turned_round_are_found_and_corrected(tmp_path: Path) -> None:
    messages = [m for m in read_split(CORPUS, "test") if m.language == "en"][:240]
    random = Random(1)
    turned = {n for n in range(len(messages)) if random.random() < 0.08}
    rows = [
        [m.id, m.text, m.language, "", str(abs((m.negative_sentiment or 0) - (n in turned))), ""]
        for n, m in enumerate(messages)
    ]
    path = write_rows(tmp_path / "t.csv", rows)
    review = tmp_path / "review.csv"
    code, output = run("label-errors", path, "--out", review)
    assert code == 0, output
    assert "240 labels are disputed" in output
    assert "not checked: complexity: 0 yes and 0 no" in output
    assert review.read_bytes().startswith(b"\xef\xbb\xbf")
    found = read_rows(review)
    assert {row["label"] for row in found} == {"negative_sentiment"}
    right = [int(row["row"]) - 2 in turned for row in found]
    assert sum(right[:10]) >= 7
    assert sum(right) >= 0.5 * len(turned)
    probabilities = [float(row["probability"]) for row in found]
    assert probabilities == sorted(probabilities, reverse=True)

    for row, is_turned in zip(found, right, strict=True):
        row["correct"] = row["suggested"] if is_turned else ""
    # As a spreadsheet of another country saves it.
    write_answers(review, found, ";")
    corrected = tmp_path / "corrected.csv"
    code, output = run("label-errors", path, "--apply", review, "--out", corrected)
    assert code == 0, output
    assert f"{sum(right)} labels changed" in output
    before, after = read_tickets(path, Columns()).messages, read_tickets(corrected, Columns()).messages
    changed = {n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
    assert changed == {int(row["row"]) - 2 for row, is_turned in zip(found, right, strict=True) if is_turned}
    assert all(after[n].negative_sentiment == messages[n].negative_sentiment for n in changed)


@pytest.mark.parametrize("out", ["t.csv", "review.csv"])
@pytest.mark.parametrize("options", [(), ("--apply", "review.csv")])
def test_no_file_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_rows(Path("t.csv"), [["a b", "en", "1"]], ["text", "language", "complexity"])
    review_of(path, Path(), Columns(), (0, "complexity", "0"))
    before = Path(out).read_bytes()
    code, output = run("label-errors", path, "--out", out, *options)
    assert code == 1
    assert f"{out} exists; name another file with --out" in output
    assert Path(out).read_bytes() == before


def test_a_review_that_a_spreadsheet_saved_in_its_own_encoding(tmp_path: Path) -> None:
    rows = [["čau, nejde to", "cs", "1"]]
    path = write_rows(tmp_path / "t.csv", rows, ["text", "language", "complexity"], "windows-1250")
    columns = Columns(encoding="windows-1250")
    review = review_of(path, tmp_path, columns, (0, "complexity", "0"))
    answers = [list(row.values()) for row in read_rows(review)]
    for encoding in ("windows-1250", "utf-8"):
        write_rows(review, answers, COLUMNS, encoding, ";")
        assert apply_review(str(path), columns, review, tmp_path / f"{encoding}.csv") == 1
        assert "čau" in (tmp_path / f"{encoding}.csv").read_text(encoding="windows-1250")


def test_columns_without_a_name_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,,language,,complexity\na b,6,en,7,1\n", encoding="utf-8")
    review = review_of(path, tmp_path, Columns(), (0, "complexity", "0"))
    assert apply_review(str(path), Columns(), review, tmp_path / "out.csv") == 1
    written = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert written == "text,,language,,complexity\na b,6,en,7,0\n"


def test_too_few_labels_end_in_one_sentence(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", make_rows(30))
    code, output = run("label-errors", path, "--out", tmp_path / "review.csv")
    assert code == 1
    assert "no label can be checked: complexity: 15 yes and 15 no, but 20 of each are needed" in output
    assert not (tmp_path / "review.csv").exists()


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    rows = make_rows(60)
    rows[7][1] = ""
    code, output = run("label-errors", write_rows(tmp_path / "t.csv", rows), "--out", tmp_path / "review.csv")
    assert code == 0, output
    assert "Left out, because there is no text: 1 row." in output
    assert "of 177 labels are disputed" in output


def test_labels_of_one_group_cannot_be_checked(tmp_path: Path) -> None:
    rows = [[text_of(n), "en", str(int(n < 30)), f"g{max(0, n - 30)}"] for n in range(80)]
    path = write_rows(tmp_path / "t.csv", rows, ["text", "language", "complexity", "group"])
    code, output = run("label-errors", path, "--out", tmp_path / "review.csv")
    assert code == 1
    assert "no label can be checked: complexity: nearly all messages of one label are of one group" in output
    assert not (tmp_path / "review.csv").exists()


def test_csv_keeps_its_form_and_all_other_cells(tmp_path: Path) -> None:
    rows = [
        ["007", "first; text", "en", "Yes", "kept, too"],
        ["008", "second\ntext", "en", "No", " spaces "],
        ["009", "third text", "en", "Yes", "=1+1"],
        ["010", "fourth\rtext", "en", "No", ""],
    ]
    header = ["id", "body", "language", "angry", "note"]
    path = write_rows(tmp_path / "t.csv", rows, header, "utf-8-sig", ";")
    columns = Columns(text="body", negative_sentiment="angry")
    out = tmp_path / "out.csv"
    review = review_of(
        path, tmp_path, columns, (0, "negative_sentiment", "0"), (1, "negative_sentiment", "no"),
        (2, "negative_sentiment", "?"),
    )  # fmt: skip
    assert apply_review(str(path), columns, review, out) == 2
    rows[0][3], rows[2][3] = "No", ""
    expected = write_rows(tmp_path / "expected.csv", rows, header, "utf-8-sig", ";")
    assert out.read_bytes() == expected.read_bytes()


def test_scores_are_corrected_with_scores(tmp_path: Path) -> None:
    rows = [["a b", "en", score] for score in ("1", "5", "4", "4", "2", "2")]
    path = write_rows(tmp_path / "t.csv", rows, ["text", "language", "anger"])
    columns = Columns(negative_sentiment="anger", cuts={"negative_sentiment": 3})
    review = review_of(
        path, tmp_path, columns, (0, "negative_sentiment", "1"), (1, "negative_sentiment", "0")
    )
    assert apply_review(str(path), columns, review, tmp_path / "out.csv") == 2
    assert [row["anger"] for row in read_rows(tmp_path / "out.csv")] == ["4", "2", "4", "4", "2", "2"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "folder"])
def test_other_files_are_corrected_in_their_own_types(tmp_path: Path, kind: str) -> None:
    import pyarrow.parquet
    from datasets import Dataset

    rows = [
        {"text": f"text {n}", "language": "en", "complexity": n % 2 == 1, "tags": ["a", str(n)]}
        for n in range(4)
    ]
    source = tmp_path / ("saved" if kind == "folder" else f"t.{kind}")
    if kind == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n\n" for row in rows), encoding="utf-8")
    elif kind == "parquet":
        Dataset.from_list(rows).to_parquet(source)
    else:
        Dataset.from_list(rows).save_to_disk(source)
    review = review_of(source, tmp_path, Columns(), (1, "complexity", "0"), (2, "complexity", "1"))
    out = tmp_path / ("out.jsonl" if kind == "jsonl" else "out.parquet")
    assert apply_review(str(source), Columns(), review, out) == 2
    rows[1]["complexity"], rows[2]["complexity"] = False, True
    if kind == "jsonl":
        assert out.read_text(encoding="utf-8") == "".join(json.dumps(row) + "\n\n" for row in rows)
    else:
        assert pyarrow.parquet.read_table(out).to_pylist() == rows


def test_json_lines_keep_their_line_ends(tmp_path: Path) -> None:
    source = tmp_path / "t.jsonl"
    source.write_bytes(b'{"text": "a\\u2028b", "language": "en", "complexity": "no"}\r\n' * 2)
    review = review_of(source, tmp_path, Columns(), (1, "complexity", "yes"))
    out = tmp_path / "out.jsonl"
    assert apply_review(str(source), Columns(), review, out) == 1
    first, second, rest = out.read_bytes().split(b"\n")
    assert first.endswith(b'"complexity": "no"}\r')
    assert json.loads(second)["complexity"] == 1
    assert rest == b""


def test_half_a_character_stays_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "t.jsonl"
    line = '{"text": "šťáva \\ud83d", "language": "cs", "complexity": 1}'
    source.write_text(line, encoding="utf-8")
    review = review_of(source, tmp_path, Columns(), (0, "complexity", "0"))
    assert apply_review(str(source), Columns(), review, tmp_path / "out.jsonl") == 1
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == line.replace("1}", "0}")


def test_a_forgotten_cut_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", [["a b", "en", "3"]], ["text", "language", "complexity"])
    review = review_of(path, tmp_path, Columns(cuts={"complexity": 2}), (0, "complexity", "0"))
    code, output = run("label-errors", path, "--apply", review, "--out", tmp_path / "out.csv")
    assert code == 1
    assert "for scores give a --cut" in output
    assert (
        run("label-errors", path, "--apply", review, "--out", tmp_path / "out.csv", "--cut", "complexity=2")[
            0
        ]
        == 0
    )
    assert read_rows(tmp_path / "out.csv")[0]["complexity"] == "0"


def test_customers_cannot_write_formulas_into_the_review(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "t.csv", [["=cmd|' /C calc'!A0", "en", "1"]], ["text", "language", "complexity"]
    )
    review = review_of(path, tmp_path, Columns(), (0, "complexity", ""))
    assert read_rows(review)[0]["text"].startswith("'=")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("check", "x00000000", "does not belong to .*row 2 has another text"),
        ("row", "99", "does not belong to"),
        ("correct", "perhaps", "row 2: the correction 'perhaps' or the row '2' is unknown"),
        ("label", "anger", "there is no label 'anger'"),
        ("label", "human_requested", "has no column for human_requested"),
    ],
)
def test_reviews_that_do_not_fit_are_refused(tmp_path: Path, column: str, value: str, message: str) -> None:
    path = write_rows(tmp_path / "t.csv", [["a b", "en", "1"]], ["text", "language", "complexity"])
    review = review_of(path, tmp_path, Columns(), (0, "complexity", "0"))
    rows = read_rows(review)
    rows[0][column] = value
    write_answers(review, rows)
    out = tmp_path / "out.csv"
    code, output = run("label-errors", path, "--apply", review, "--out", out)
    assert code == 1
    assert len(output.splitlines()) == 1
    assert re.search(message, output)
    assert not out.exists()


def test_corrections_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", make_rows(2))
    review = review_of(path, tmp_path, Columns(), (0, "complexity", "0"), (0, "complexity", "1"))
    code, output = run("label-errors", path, "--apply", review, "--out", tmp_path / "out.csv")
    assert code == 1
    assert "contradicts another correction of row 2" in output


def test_the_ending_of_the_corrected_file_must_fit(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", make_rows(2))
    review = review_of(path, tmp_path, Columns(), (0, "complexity", "1"))
    code, output = run("label-errors", path, "--apply", review, "--out", tmp_path / "out.parquet")
    assert code == 1
    assert "end in .csv or .tsv or .txt" in output
    code, output = run("label-errors", path, "--apply", path, "--out", tmp_path / "out.csv")
    assert code == 1
    assert "is no review: it has no column row, check, label, correct" in output


def test_check_codes_are_never_numbers() -> None:
    assert all(check_code(str(n)).startswith("x") for n in range(100))
