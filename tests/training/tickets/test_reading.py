from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate import Classifier
from tests.training.tickets.making import HEADER, make_rows, write_rows
from training.errors import CorpusError, TicketsError
from training.tickets.columns import Columns
from training.tickets.reading import read_tickets
from training.tickets.values import parse_label, parse_language


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_in_any_usual_form_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = make_rows(3)
    rows[1][1] = 'quoted; "text", with|all\tof them\nand a second line'
    rows[2][1] = "שלום, مرحبا; příliš"
    path = write_rows(tmp_path / "t.csv", rows, encoding=encoding, delimiter=delimiter)
    tickets = read_tickets(path, Columns())
    assert [message.text for message in tickets.messages] == [row[1] for row in rows]
    assert tickets.rows == (2, 3, 4)
    assert tickets.messages[1].complexity == 1
    assert tickets.times == (None, None, None)


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    rows = [["שלום לכולם"]]
    path = write_rows(tmp_path / "t.csv", rows, ["text"], encoding="windows-1255")
    with pytest.raises(TicketsError, match=r"row 2 is not utf-8.*--encoding windows-1255"):
        read_tickets(path, Columns())
    assert read_tickets(path, Columns(encoding="windows-1255")).messages[0].text == "שלום לכולם"


def test_a_byte_order_mark_tells_the_encoding_whatever_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", [["čau", "cs"]], ["text", "language"], encoding="utf-8-sig")
    assert read_tickets(path, Columns(encoding="utf-8")).messages[0].text == "čau"


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "cut short \\ud83d", "language": "en"}\n', encoding="utf-8")
    assert read_tickets(tmp_path / "t.jsonl", Columns()).messages[0].text == "cut short \ufffd"


def test_no_group_in_a_warehouse_is_no_group(tmp_path: Path) -> None:
    rows = [["a b", "en", "NULL"], ["c d", "en", "n/a"], ["e f", "en", "7"]]
    path = write_rows(tmp_path / "t.csv", rows, ["text", "language", "group"])
    assert [message.group for message in read_tickets(path, Columns()).messages] == [None, None, "7"]


def test_a_folder_that_cannot_be_parsed_ends_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,complexity\n"a,1\nb,2\n', encoding="utf-8")
    with pytest.raises(TicketsError, match="cannot be read") as caught:
        read_tickets(tmp_path, Columns())
    assert "\n" not in str(caught.value)


def test_columns_are_mapped_and_others_are_taken_by_name(tmp_path: Path) -> None:
    header = ["body", "language", "angry", "human_requested", "sent", "who"]
    rows = [
        ["hello there", "EN-us", "Yes", "", "2025-03-01T10:00:00+02:00", "a"],
        ["שלום", "iw", "no", "TRUE", "", ""],
    ]
    path = write_rows(tmp_path / "t.csv", rows, header)
    tickets = read_tickets(path, Columns(text="body", negative_sentiment="angry", time="sent", group="who"))
    first, second = tickets.messages
    assert (first.language, first.negative_sentiment, first.human_requested) == ("en", 1, None)
    assert (second.language, second.negative_sentiment, second.human_requested) == ("he", 0, 1)
    assert (first.group, second.group) == ("a", None)
    assert (first.id, second.id) == ("row 2", "row 3")
    assert tickets.times == (datetime(2025, 3, 1, 8, tzinfo=timezone.utc), None)
    left_out = read_tickets(path, Columns(text="body", human_requested=""))
    assert [message.human_requested for message in left_out.messages] == [None, None]


def test_all_kinds_of_files_give_the_same_tickets(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows: list[dict[str, Any]] = [dict(zip(HEADER, row, strict=True)) for row in make_rows(6)]
    for row in rows:
        row.update({output: int(row[output]) for output in HEADER[3:]})
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    dataset = Dataset.from_list(rows)
    dataset.to_parquet(tmp_path / "t.parquet")
    dataset.save_to_disk(tmp_path / "saved")
    halves = {"train": dataset.select(range(3)), "test": dataset.select(range(3, 6))}
    DatasetDict(halves).save_to_disk(tmp_path / "saved-splits")
    (tmp_path / "folder").mkdir()
    dataset.to_parquet(tmp_path / "folder" / "part.parquet")
    write_rows(tmp_path / "t.csv", make_rows(6))
    names = ("t.csv", "t.jsonl", "t.parquet", "saved", "saved-splits", "folder")
    read = [read_tickets(tmp_path / name, Columns()).messages for name in names]
    assert all(messages == read[0] for messages in read)
    assert len(read[0]) == 6


@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_folder_keeps_texts_and_ids_as_a_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    texts = ["None", "N/A", "null", "nan", "", "it broke", "2025-01-01"]
    rows = [[f"{n:03}", text, "en", str(n % 2) if n else ""] for n, text in enumerate(texts)]
    # A name that `datasets` has for a reader of its own is a folder like any other.
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / name
    halves = [folder / "train" / f"a.{name}", folder / "test" / f"b.{name}"]
    for path, half in zip(halves, (rows[:4], rows[4:]), strict=True):
        path.parent.mkdir(parents=True)
        if name == "csv":
            write_rows(path, half, HEADER[:4])
        else:
            lines = [json.dumps(dict(zip(HEADER, row, strict=False))) for row in half]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tickets = read_tickets(name, Columns())
    expected = read_tickets(write_rows(tmp_path / "all.csv", rows, HEADER[:4]), Columns())
    assert tickets.messages == expected.messages
    assert [message.text for message in tickets.messages] == [text for text in texts if text]
    assert tickets.messages[0].id == "000"
    assert tickets.messages[0].complexity is None
    assert tickets.without_text == (5,)


def test_language_is_read_by_the_model_where_it_is_unknown(tmp_path: Path, classifier: Classifier) -> None:
    texts = ["מתי החבילה שלי תגיע אליי הביתה?", "Kde je moje zásilka?", "Где моя посылка?"]
    path = write_rows(
        tmp_path / "t.csv",
        [[texts[0], "", "1"], [texts[1], "cs", "1"], [texts[2], "", "1"]],
        ["text", "language", "complexity"],
    )
    messages = read_tickets(path, Columns()).messages
    assert [message.language for message in messages] == ["he", "cs", "other"]
    assert [classifier.predict(text).language for text in texts] == ["he", "cs", "other"]
    assert [message.complexity for message in messages] == [1, 1, None]


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    rows = make_rows(3)
    rows[1][1] = "  "
    rows[2][1] = "n/a"
    tickets = read_tickets(write_rows(tmp_path / "t.csv", rows), Columns())
    assert tickets.rows == (2, 4)
    assert tickets.without_text == (3,)


def test_scores_are_cut(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "t.csv",
        [["one thing", "en", "2.9"], ["two things", "en", "3"], ["x y", "en", ""]],
        ["text", "language", "anger"],
    )
    columns = Columns(negative_sentiment="anger", cuts={"negative_sentiment": 3})
    assert [m.negative_sentiment for m in read_tickets(path, columns).messages] == [0, 1, None]
    with pytest.raises(TicketsError, match=r"row 2, column 'anger' is '2.9'.*0 or 1.*--cut"):
        read_tickets(path, Columns(negative_sentiment="anger"))
    with pytest.raises(TicketsError, match="--cut is given for complexity"):
        read_tickets(path, Columns(cuts={"complexity": 1}))


@pytest.mark.parametrize(
    ("value", "label"),
    [("1", 1), ("0", 0), ("TRUE", 1), ("False", 0), ("yes", 1), ("No", 0), ("כן", 1), ("لا", 0), ("ano", 1),
     ("1.00", 1), ("٠", 0), (True, 1), (False, 0), (1.0, 1), (0, 0), (None, None),
     ("", None), (float("nan"), None), ("null", None)],
)  # fmt: skip
def test_labels_are_understood(value: Any, label: int | None) -> None:
    assert parse_label(value, None) == label


@pytest.mark.parametrize("value", ["2", "maybe", "0.5", -1, [1]])
def test_unknown_labels_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="0 or 1, true or false, yes or no"):
        parse_label(value, None)


@pytest.mark.parametrize(
    ("value", "label"), [("3", 1), ("2,9", 0), ("3,05", 1), ("٤", 1), (2, 0), (True, 0), ("", None)]
)
def test_scores_are_understood(value: Any, label: int | None) -> None:
    assert parse_label(value, 3) == label


@pytest.mark.parametrize("value", ["three", "1,000", "3;5", [3]])
def test_unknown_scores_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"a number such as 3\.5"):
        parse_label(value, 3)


@pytest.mark.parametrize(
    ("value", "language"),
    [("he", "he"), ("iw", "he"), ("heb", "he"), ("ar-EG", "ar"), ("arz", "ar"), ("cz", "cs"), ("cs_CZ", "cs"),
     ("Hebrew", "he"), ("ru", "other"), ("other", "other"), ("", None), ("und", None), ("Unknown", None)],
)  # fmt: skip
def test_languages_are_understood(value: str, language: str | None) -> None:
    assert parse_language(value) == language


_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(st.lists(st.text(_CHARACTERS, min_size=1).filter(str.strip), min_size=1, max_size=5))
@settings(max_examples=100)
def test_any_text_survives_a_csv_file(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = write_rows(Path(folder) / "t.csv", [["en", text] for text in texts], ["language", "text"])
        assert [message.text for message in read_tickets(path, Columns()).messages] == texts


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        for name in ("t.csv", "t.jsonl", "t.parquet"):
            path = Path(folder) / name
            path.write_bytes(data)
            with pytest.raises(CorpusError):
                read_tickets(path, Columns(text="no such column"))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.csv", b"id,text\n1,a\n1,b\n", "row 3, column 'id' is '1': row 2 has it too"),
        ("t.csv", b"id,text\n,a\n", "row 2, column 'id' is ''|every row needs an id"),
        ("t.csv", b"id,text\n1,a,b\n", "row 2 has 3 cells but the first row has 2"),
        ("t.csv", b'id,text\n1,a\n2,"b\n3,c\n', "row 3 is broken.*quote"),
        ("t.csv", b"text,text\na,b\n", "more than one column 'text'"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\nid,text\n1,a\n", "the first row of .* is blank"),
        ("t.csv", b"sep=;\nid;text\n1;a\n", "the first row of .* is 'sep=;'.*take that row out"),
        ("t.csv", b"text,complexity\na,1\nb,x\nc,z\n", "row 3, .* is 'x'.*; wrong in 2 rows"),
        ("t.csv", b"id,text\n", "no row with a text"),
        ("t.csv", b"id,text,time\n1,a,03/04/2025\n", "row 2, column 'time' is '03/04/2025'.*--time-format"),
        ("t.csv", b"text,language\na,klingonish\n", "column 'language' is 'klingonish'.*he, ar, cs, en"),
        ("t.jsonl", b'{"text": "a"}\n{"text": \n', "row 2 is not JSON"),
        ("t.jsonl", b"[1]\n", "row 1 is not a JSON object"),
        ("t.jsonl", b'{"text": ["a"]}\n', "row 1, column 'text'.*must be a text"),
        ("t.jsonl", b"", "is empty"),
        ("t.parquet", b"PAR1", "cannot be read"),
        ("t.xlsx", b"PK", "unknown kind.*csv"),
    ],
)  # fmt: skip
def test_unusable_files_say_why(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TicketsError, match=message) as caught:
        read_tickets(tmp_path / name, Columns())
    assert "\n" not in str(caught.value)


def test_broken_text_in_parquet_names_its_column(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    pq.write_table(pa.table({"text": broken}), tmp_path / "t.parquet")
    with pytest.raises(TicketsError, match=r"t\.parquet: column 'text' has text that is not UTF-8"):
        read_tickets(tmp_path / "t.parquet", Columns())


def test_mixed_encodings_name_the_row(tmp_path: Path) -> None:
    lines = ["text", "čau", '"two', 'lines"']
    path = tmp_path / "t.csv"
    path.write_bytes("\n".join(lines).encode() + "\nšťáva\n".encode("windows-1250"))
    with pytest.raises(TicketsError, match="mixes encodings: row 4 is not UTF-8"):
        read_tickets(path, Columns())


def test_columns_without_a_name_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,language,,\na b,en,,7\n", encoding="utf-8")
    assert read_tickets(tmp_path / "t.csv", Columns()).messages[0].text == "a b"


def test_a_delimiter_is_one_character(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", [["a b"]], ["text"])
    with pytest.raises(TicketsError, match="--delimiter '::' is not one character"):
        read_tickets(path, Columns(delimiter="::"))


def test_time_formats_are_followed(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", [["a b", "en", "03/04/2025"]], ["text", "language", "time"])
    tickets = read_tickets(path, Columns(time_format="%d/%m/%Y"))
    assert tickets.times == (datetime(2025, 4, 3, tzinfo=timezone.utc),)
    with pytest.raises(TicketsError, match="does not follow %Y"):
        read_tickets(path, Columns(time_format="%Y"))
    with pytest.raises(TicketsError, match="--time-format '%q' cannot be used"):
        read_tickets(path, Columns(time_format="%q"))


@pytest.mark.parametrize("source", ["nothing/tickets.csv", "nothing", "no-such-owner/no-such-tickets"])
def test_missing_sources_end_in_one_sentence(source: str) -> None:
    with pytest.raises(TicketsError, match="there is no") as caught:
        read_tickets(source, Columns())
    assert "\n" not in str(caught.value)
