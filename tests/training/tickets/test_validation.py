from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.training.tickets.making import HEADER, make_rows, run, text_of, write_rows
from training.corpus.messages import write_messages
from training.corpus.near_duplicates import jaccard
from training.tickets.label_checks import recall_interval


def test_good_tickets_pass_and_show_what_was_taken(tmp_path: Path) -> None:
    rows = [[*row, f"2025-01-{1 + n % 28:02}"] for n, row in enumerate(make_rows(90))]
    path = write_rows(tmp_path / "t.csv", rows, [*HEADER, "created"])
    code, output = run("validate", path, "--time", "created", "--json", tmp_path / "report.json")
    assert code == 0
    assert "time from 'created'" in output
    assert "Split by time (created)" in output
    assert "Times: 90 messages from 2025-01-01 to 2025-01-28." in output
    numbers = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["numbers"]
    assert numbers["labels"]["en"]["complexity"] == {"yes": 45, "no": 45, "unknown": 0}
    assert numbers["split"]["split"]["method"] == "time"


def test_risky_tickets_are_warned_of(tmp_path: Path) -> None:
    rows = make_rows(90)
    rows[1][1] = rows[0][1].upper()
    rows[2][1] = "write to someone@example.com or 4111 1111 1111 1111"
    rows[3][1] = "řekněte mi prosím, kde mÅ¯Å¾u najÃ­t fakturu"
    rows[4][1] = "Где моя посылка?"
    rows[4][2] = "ru"
    rows[5][1] = "أين الطلب الذي دفعت ثمنه"
    rows[6][1] = ""
    code, output = run("validate", write_rows(tmp_path / "t.csv", rows), "--json", tmp_path / "report.json")
    assert code == 0
    assert "equal texts with different labels of complexity: 1 (rows 2, 3)" in output
    assert "1 e-mail in row 4: mask them" in output
    assert "1 card number in row 4" in output
    assert "decoded with a wrong encoding, it seems: row 5;" in output
    assert "or without words, so that labels are not used: row 6" in output
    assert "the letters contradict the language in row 7:" in output
    assert "left out, because there is no text: row 8" in output
    assert (
        "en complexity: 45 yes and 43 no are too few to calibrate with alone (4 yes and 5 no in the "
        "validation split; 20 of each are wanted) and too few to test" in output
    )
    report = (tmp_path / "report.json").read_text(encoding="utf-8")
    for private in ("someone@example.com", "4111"):
        assert private not in output + report
    assert json.loads(report)["numbers"]["personal_data"]["e-mail"] == {"found": 1, "rows": [4]}


def test_personal_data_in_ids_and_groups_are_warned_of(tmp_path: Path) -> None:
    rows = [[*row, f"05846{n // 2:05}"] for n, row in enumerate(make_rows(90))]
    rows[7][0] = "someone@example.com"
    rows[8][-1] = ""
    path = write_rows(tmp_path / "t.csv", rows, [*HEADER, "customer"])
    code, output = run("validate", path, "--group", "customer", "--json", tmp_path / "report.json")
    assert code == 0
    assert "1 e-mail among 90 different values of the column 'id': replace them" in output
    assert "45 phone numbers among 45 different values of the column 'customer'" in output
    assert "someone@example.com" not in output + (tmp_path / "report.json").read_text(encoding="utf-8")


def test_phone_numbers_that_look_like_other_numbers_are_found(tmp_path: Path) -> None:
    # Some Czech numbers have the checksum of an Israeli identity number.
    rows = [[*row, f"{731200018 + 7919 * n}"] for n, row in enumerate(make_rows(90))]
    path = write_rows(tmp_path / "t.csv", rows, [*HEADER, "customer"])
    _, output = run("validate", path, "--group", "customer")
    assert re.search(r"\d+ phone numbers among 90 different values of the column 'customer'", output)


def test_order_numbers_that_look_like_phone_numbers_are_no_personal_data(tmp_path: Path) -> None:
    rows = [[f"{1000003 * n + 4280387012}", *row[1:]] for n, row in enumerate(make_rows(90))]
    code, output = run("validate", write_rows(tmp_path / "t.csv", rows))
    assert code == 0
    assert "of the column 'id'" not in output


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ("someone@example.com", "an e-mail"),
        ("052-234-5678", "a phone number"),
        ("01001234567", "a phone number"),
    ],
)
def test_a_wrong_cell_with_personal_data_is_not_shown(tmp_path: Path, wrong: str, shown: str) -> None:
    rows = make_rows(20)
    rows[3][4] = wrong
    code, output = run("validate", write_rows(tmp_path / "t.csv", rows))
    assert code == 1
    assert f"row 5, column 'negative_sentiment' holds what looks like {shown}: it must be 0 or 1" in output
    assert wrong not in output


def test_a_group_column_without_groups_is_none(tmp_path: Path) -> None:
    rows = [[*row, "", f"2025-01-{1 + n % 28:02}"] for n, row in enumerate(make_rows(90))]
    path = write_rows(tmp_path / "t.csv", rows, [*HEADER, "customer", "created"])
    _, output = run("validate", path, "--group", "customer", "--time", "created")
    assert "Split by time (created)" in output


def test_a_split_by_time_is_offered_beside_the_one_by_group(tmp_path: Path) -> None:
    rows = [[*row, f"c{n // 2}", f"2025-01-{1 + n % 28:02}"] for n, row in enumerate(make_rows(90))]
    path = write_rows(tmp_path / "t.csv", rows, [*HEADER, "customer", "created"])
    _, output = run("validate", path, "--group", "customer", "--time", "created")
    assert "no customer is in two splits; by created is possible too (--split time)." in output


def test_a_label_that_follows_the_length_is_warned_of(tmp_path: Path) -> None:
    rows = make_rows(90)
    for row in rows:
        row[1] = row[1] + " and" * 8 * int(row[4])
    _, output = run("validate", write_rows(tmp_path / "t.csv", rows))
    assert "en: the number of words alone tells negative_sentiment with an AUC of 1.00" in output


def test_many_duplicates_are_warned_of(tmp_path: Path) -> None:
    rows = make_rows(60)
    for row in rows[:10]:
        row[1] = "the very same template text"
    _, output = run("validate", write_rows(tmp_path / "t.csv", rows))
    assert "16.7% of the messages have an equal (10) or nearly equal (0) text" in output


def test_the_texts_of_one_form_are_not_compared_pair_by_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def counted(first: set[str], second: set[str]) -> float:
        compared.append((first, second))
        return jaccard(first, second)

    monkeypatch.setattr("training.corpus.near_duplicates.jaccard", counted)
    form = "contact form of the shop: i write about an order that came late, please call me, customer "
    rows = [[form + chr(ord("a") + n % 26) + chr(ord("a") + n // 26), "en", str(n % 2)] for n in range(200)]
    rows += [[text_of(n), "en", str(n % 2)] for n in range(40)]
    path = write_rows(tmp_path / "t.csv", rows, ["text", "language", "complexity"])
    code, output = run("validate", path)
    assert code == 0
    assert "83.3% of the messages have an equal (0) or nearly equal (200) text" in output
    assert "train 203, validation 19, test 18" in output
    # Once for the split and the warning, and about once a text; there are 19,900 pairs.
    assert len(compared) < 400


def test_a_constant_label_is_an_error_and_can_be_left_out(tmp_path: Path) -> None:
    rows = make_rows(60)
    for row in rows:
        row[5] = "0"
    path = write_rows(tmp_path / "t.csv", rows)
    code, output = run("validate", path)
    assert code == 1
    assert "'human_requested' (human_requested) is constant: all 60 labels are 0" in output
    assert run("validate", path, "--human-requested", "")[0] == 0


def test_tickets_without_labels_are_an_error(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", [row[:3] for row in make_rows(20)], HEADER[:3])
    code, output = run("validate", path)
    assert code == 1
    assert "there is no label column; name at least one with --complexity" in output
    path = write_rows(tmp_path / "e.csv", [[*row[:3], "", "", ""] for row in make_rows(20)])
    code, output = run("validate", path)
    assert code == 1
    assert "'complexity' (complexity) has no label" in output


def test_three_rows_are_too_few(tmp_path: Path) -> None:
    code, output = run("validate", write_rows(tmp_path / "t.csv", make_rows(3)))
    assert code == 1
    assert "only 3 messages; at least 10 are needed for train, validation, test" in output


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (b"id,text\n1,a b\n", ["--text", "body"], "no column 'body' for --text; the columns are: id, text"),
        (b"id,body\n1,a b\n", [], "no column 'text' for --text; the columns are: id, body"),
        (b"text,complexity\na b,perhaps\n", [], "row 2, column 'complexity' is 'perhaps': it must be 0 or 1"),
        (b"", [], "is empty; its first row must name the columns"),
        (b"id,text\n1,a\n1,b\n", [], "row 3, column 'id' is '1': row 2 has it too"),
        ("text\nčau\n".encode() + b"\xe8au\n", [], "mixes encodings: row 3 is not UTF-8"),
        (b"text\na\n", ["--encoding", "klingon"], "there is no encoding 'klingon'"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "label-errors"])
def test_broken_files_end_in_one_sentence(
    tmp_path: Path, command: str, data: bytes, options: list[str], message: str
) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    out = tmp_path / "out.csv"
    code, output = run(
        command, tmp_path / "t.csv", "--json" if command == "validate" else "--out", out, *options
    )
    assert code == 1
    assert message in output
    assert len(output.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_options_of_the_other_kind_of_data_are_refused(tmp_path: Path) -> None:
    code, output = run("validate", write_rows(tmp_path / "t.csv", make_rows(20)), "--targets")
    assert code == 2
    assert "for a corpus" in output
    write_messages(tmp_path / "train" / "en.jsonl", [])
    code, output = run("validate", tmp_path, "--text", "body")
    assert code == 2
    assert "is a corpus" in output
    assert run("validate", tmp_path / "t.csv", "--cut", "complexity=nan")[0] == 2
    code, output = run("validate", tmp_path / "t.csv", "--cut", "3")
    assert code == 2
    assert "OUTPUT=SCORE" in output


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_folder_of_tickets_with_splits_is_no_corpus(tmp_path: Path, kind: str) -> None:
    from datasets import Dataset

    rows = [dict(zip(("id", "body", *HEADER[2:]), row, strict=True)) for row in make_rows(60)]
    for split, own in (("train", rows[:50]), ("test", rows[50:])):
        (tmp_path / "inbox" / split).mkdir(parents=True)
        data = Dataset.from_list(own)
        path = str(tmp_path / "inbox" / split / f"part.{kind}")
        data.to_csv(path) if kind == "csv" else data.to_parquet(path)
    code, output = run("validate", tmp_path / "inbox", "--text", "body")
    assert code == 0, output
    assert "60 messages; text from 'body'" in output


def test_recall_intervals_shrink_with_the_number() -> None:
    assert recall_interval(0) == (0, 1)
    low, high = recall_interval(100)  # 0.711 to 0.867 in Wilson's tables
    assert (round(low, 3), round(high, 3)) == (0.711, 0.867)
