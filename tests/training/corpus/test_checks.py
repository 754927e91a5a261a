from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from escalate.text import normalise
from training.__main__ import app
from training.corpus import validation
from training.corpus.checks import (
    Row,
    check_duplicates,
    check_languages,
    check_lengths,
    check_variety,
    held_out_texts,
    read_rows,
)
from training.corpus.language_check import wrong_script
from training.corpus.messages import (
    SPLITS,
    Message,
    parse_message,
    write_messages,
)
from training.corpus.near_duplicates import (
    JACCARD,
    jaccard,
    near_duplicate_sets,
    near_duplicates,
    shingles,
)
from training.corpus.splitting import joined
from training.corpus.statistics import kappa, length_auc
from training.corpus.targets import Targets
from training.corpus.validation import Report, check_corpus
from training.errors import CorpusError

_WORDS = {
    "he": "איפה החבילה שלי כבר שבוע מחכה לשליח ואף אחד לא עונה בטלפון מתי פותחים מחר את הסניף החדש ברחוב "
    "הרצל כמה עולה לשלוח מעטפה לחיפה בדואר רשום ואיך משנים כתובת באתר לפני המשלוח הבא של החברה",
    "ar": "أين الطلب الذي دفعت ثمنه قبل أسبوع ولم يصل حتى الآن متى يفتح الفرع الجديد في شارع الجامعة وكم "
    "سعر الشحن إلى مدينة أخرى وكيف أغير عنوان التوصيل قبل إرسال الطرد القادم من المتجر الإلكتروني",
    "cs": "kde je můj balík který měl přijít včera odpoledne kdy otevíráte novou pobočku u nádraží kolik "
    "stojí poslat dopis do Brna jak změním adresu doručení ještě před odesláním další zásilky vašeho obchodu",
    "en": "where is my parcel that should have come yesterday afternoon when do you open the new branch near "
    "station how much does it cost to send letters abroad and can we change our address before delivery",
    "other": "где моя посылка которая должна была прийти вчера вечером когда вы открываете новый офис возле "
    "вокзала сколько стоит отправить письмо за границу можно ли изменить адрес перед доставкой",
}
_SPLITS = ["train"] * 32 + ["validation"] * 4 + ["test"] * 4
_TARGETS = Targets(messages=40, other_messages=40, pairs=1)

Corpus = dict[str, list[Message]]


def clean_corpus() -> Corpus:
    """Forty messages in each language that no check minds."""
    corpus: Corpus = {split: [] for split in SPLITS}
    for language, words in _WORDS.items():
        random = Random(language)
        for i, split in enumerate(_SPLITS):
            length = (7, 20, 20, 40)[(i + i // 4) % 4]
            message = Message(
                id=f"{language}-{i}",
                text=" ".join(random.choices(words.split(), k=length)),
                language=language,
                channel="review" if i % 10 in (0, 3, 6) else "chat",
                group=f"{language}-{split}",
            )
            if language != "other":
                labels = {
                    "complexity": i % 4 // 2,
                    "negative_sentiment": i % 2,
                    "human_requested": int(i % 10 == 1),
                }
                message = parse_message(
                    {**asdict(message), **labels, **{f"second_{k}": v for k, v in labels.items()}}
                )
            corpus[split].append(message)
    for language in _WORDS.keys() - {"other"}:
        change(corpus, f"{language}-0", pair="p")
        change(corpus, f"{language}-2", pair="p")
    return corpus


def change(corpus: Corpus, name: str, **fields: str | int | None) -> None:
    """Change fields of the message with an id."""
    for messages in corpus.values():
        messages[:] = [replace(m, **fields) if m.id == name else m for m in messages]  # type: ignore[arg-type]


def message(corpus: Corpus, name: str) -> Message:
    return next(m for messages in corpus.values() for m in messages if m.id == name)


def write(corpus: Corpus, folder: Path) -> Path:
    for split, messages in corpus.items():
        for language in _WORDS:
            own = [m for m in messages if m.language == language]
            write_messages(folder / split / f"{language}.jsonl", own)
    return folder


def errors(report: Report) -> list[str]:
    return [problem.text for problem in report.problems if problem.severity == "error"]


def rows(texts: Sequence[str], split: str = "train", language: str = "en", **fields: str) -> list[Row]:
    return [
        Row(Message(f"{split}-{i}", text, language, **fields), split, language, i, normalise(text))  # type: ignore[arg-type]
        for i, text in enumerate(texts, 1)
    ]


@pytest.fixture(autouse=True)
def _no_held_out_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(validation, "HELD_OUT", tmp_path / "nowhere")


def validate(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["validate", *map(str, arguments)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_nothing_is_wrong_with_a_clean_corpus(tmp_path: Path) -> None:
    report = check_corpus(write(clean_corpus(), tmp_path), _TARGETS)
    assert report.problems == []
    assert not report.failed
    assert report.numbers["second_labels"]["he"]["complexity"] == 1.0
    assert [report.numbers["size"]["cs"][split] for split in SPLITS] == [32, 4, 4]


def test_the_command_prints_tables_and_writes_json(tmp_path: Path) -> None:
    code, output = validate(write(clean_corpus(), tmp_path / "c"), "--json", tmp_path / "report.json")
    assert code == 0, output
    assert "no problems" in output
    for title in ("Size", "Balance", "Duplicates", "Variety", "AUC", "kappa", "Language"):
        assert title in output
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["problems"] == []
    assert data["numbers"]["balance"]["en"]["both"] == pytest.approx(0.25, abs=0.05)


def test_targets_are_for_the_projects_corpus_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(clean_corpus(), tmp_path)
    assert validate(folder)[0] == 0
    code, output = validate(folder, "--targets")
    assert code == 1
    assert "error: he: 40 messages; at least 3,000 are wanted" in output
    monkeypatch.setattr("training.corpus.messages.CORPUS", folder.resolve())
    assert validate(folder)[0] == 1
    assert validate(folder, "--no-targets")[0] == 0


def test_an_unreadable_corpus_is_reported_with_all_its_rows(tmp_path: Path) -> None:
    folder = write(clean_corpus(), tmp_path)
    (folder / "train" / "he.jsonl").write_bytes(b"{}\n\xff\n")
    (folder / "test" / "cs.jsonl").write_text('{"id": "1"}\n', encoding="utf-8")
    code, output = validate(folder)
    assert code == 1
    assert "he.jsonl row 1: lacks id, text, language" in output
    assert "he.jsonl row 2: not UTF-8" in output
    assert "cs.jsonl row 1: lacks text, language" in output


def test_missing_splits_and_empty_corpora_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no \.jsonl files in"):
        read_rows(tmp_path)
    with pytest.raises(CorpusError, match="no messages in"):
        read_rows(write({split: [] for split in SPLITS}, tmp_path))


def _same_id(corpus: Corpus) -> None:
    change(corpus, "he-1", id="ar-1")


def _same_text(corpus: Corpus) -> None:
    change(corpus, "en-38", text=message(corpus, "en-1").text.upper() + "\u200f")


def _nearly_the_same_text(corpus: Corpus) -> None:
    change(corpus, "cs-38", text=message(corpus, "cs-3").text + " dnes")


def _same_text_in_a_split(corpus: Corpus) -> None:
    change(corpus, "en-5", text=message(corpus, "en-4").text)


def _crossing(relation: str) -> Callable[[Corpus], None]:
    def break_it(corpus: Corpus) -> None:
        change(corpus, "ar-5", **{relation: "shared"})
        change(corpus, "ar-37", **{relation: "shared"})

    return break_it


def _lone_half(corpus: Corpus) -> None:
    change(corpus, "he-2", pair=None)


def _pair_of_two_labels(corpus: Corpus) -> None:
    change(corpus, "he-2", negative_sentiment=1)


def _labelled_other(corpus: Corpus) -> None:
    change(corpus, "other-3", second_human_requested=0)


def _wrong_script(corpus: Corpus) -> None:
    change(corpus, "cs-7", text="где мой заказ номер 5")


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (_same_id, "the id ar-1 occurs 2 times (train/ar.jsonl row 2, train/he.jsonl row 2)"),
        (
            _same_text,
            "the same text is in more than one split, as en-1 (train/en.jsonl row 2), en-38 (test/en",
        ),
        (_nearly_the_same_text, "are near duplicates in two splits (Jaccard 0.9"),
        (
            _same_text_in_a_split,
            "en: 5.0% of the messages have a duplicate or near duplicate in the language",
        ),
        (_crossing("group"), "ar: the group shared is in more than one split (train 1, test 1)"),
        (_crossing("pair"), "ar: the pair shared is in more than one split"),
        (_crossing("situation"), "ar: the situation shared is in more than one split"),
        (_lone_half, "he: the pair p has 1 messages, not 2: he-0 (train/he.jsonl row 1)"),
        (_pair_of_two_labels, "the messages of pair p differ in complexity and negative_sentiment"),
        (_labelled_other, "is in another language but has second_human_requested"),
        (_wrong_script, "cs-7 (train/cs.jsonl row 8) is labelled cs but is mostly in Cyrillic letters"),
    ],
)
def test_a_broken_corpus_fails(break_it: Callable[[Corpus], None], expected: str, tmp_path: Path) -> None:
    corpus = clean_corpus()
    break_it(corpus)
    report = check_corpus(write(corpus, tmp_path))
    assert report.failed
    assert any(expected in text for text in errors(report)), errors(report)


def test_errors_are_printed_and_counted(tmp_path: Path) -> None:
    corpus = clean_corpus()
    for i in range(30):
        change(corpus, f"other-{i}", complexity=1)
    code, output = validate(write(corpus, tmp_path))
    assert code == 1
    assert output.count("is in another language but has complexity") == 20
    assert "error: … and 10 more about other; --json FILE lists all" in output


def test_a_message_in_the_file_of_another_language_is_an_error(tmp_path: Path) -> None:
    corpus = clean_corpus()
    folder = write(corpus, tmp_path)
    wrong = [replace(message(corpus, "en-1"), id="odd", text="hello you")]
    write_messages(folder / "test" / "cs.jsonl", wrong)
    assert "odd (test/cs.jsonl row 1) has the language en" in "\n".join(errors(check_corpus(folder)))


def test_the_halves_of_a_pair_may_be_nearly_equal(tmp_path: Path) -> None:
    corpus = clean_corpus()
    text = "I was charged for a parcel that never came to my house"
    change(corpus, "en-0", text=text)
    change(corpus, "en-2", text=text + " once")
    assert check_corpus(write(corpus, tmp_path)).problems == []
    change(corpus, "en-2", text=text)
    assert check_corpus(write(corpus, tmp_path)).failed


def test_short_texts_count_only_when_equal() -> None:
    numbers, problems = check_duplicates(
        [*rows(["thank you??", "thank you?"]), *rows(["thanks you?"], "test")]
    )
    assert problems == []
    assert numbers["en"]["near"] == 0
    numbers, problems = check_duplicates([*rows(["thank you"]), *rows(["Thank  you!"], "test")])
    assert numbers["en"]["across_splits"] == 2
    assert len(problems) == 2


_sentences = st.lists(st.sampled_from(_WORDS["en"].split()), min_size=15, max_size=30, unique=True).map(
    " ".join
)


@settings(max_examples=25)
@given(_sentences, st.lists(_sentences, max_size=8), st.data())
def test_a_long_text_with_one_character_changed_is_found(
    text: str, others: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + "ž" + text[at + 1 :]
    found = {(pair.first, pair.second) for pair in near_duplicates([changed, *others, text])}
    assert tuple(sorted((text, changed))) in found


@settings(max_examples=25)
@given(st.lists(_sentences, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_search_finds_what_comparing_all_pairs_finds(texts: list[str], random: Random) -> None:
    for text in list(texts):
        parts = text.split()
        del parts[random.randrange(len(parts))]
        texts.append(" ".join(parts))
    expected = {
        (first, second)
        for first, second in combinations(sorted(set(texts)), 2)
        if jaccard(shingles(first), shingles(second)) >= JACCARD
    }
    found = near_duplicates(texts)
    assert {(pair.first, pair.second) for pair in found} == expected
    random.shuffle(texts)
    assert near_duplicates(texts) == found
    places = joined([[pair.first, pair.second] for pair in found])
    connected = [{text for i in own for text in (found[i].first, found[i].second)} for own in places]
    assert sorted(map(sorted, near_duplicate_sets(texts))) == sorted(map(sorted, connected))


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(random: Random) -> None:
    texts = ["my parcel is late and nobody answers", "My parcel is late and nobody answers!", "ok", "OK"]
    some = [*rows(texts), *rows([*texts, "another text of some length"], "test", "cs")]
    numbers, problems = check_duplicates(some)
    random.shuffle(some)
    shuffled, others = check_duplicates(some)
    assert len(problems) == len(others)
    for language in ("cs", "en"):
        for name in ("exact", "near", "share", "across_splits"):
            assert numbers[language][name] == shuffled[language][name]


def test_common_beginnings_are_named_except_in_other() -> None:
    texts = [f"Hello, I need{i} help" for i in range(5)] + [f"w{i} x{i} y{i} z" for i in range(200)]
    messages = [Message(str(i), text, "en") for i, text in enumerate(texts)]
    numbers, problems = check_variety({"en": messages, "other": messages})
    assert [p.text.split(" (")[0] for p in problems] == ["en: 2.4% of the messages begin with “hello i”"]
    assert numbers["other"]["beginning"] == "hello i"
    assert numbers["en"]["distinct_4_grams"] == 1.0
    assert check_variety({"en": messages[1:]})[1] == []


@pytest.mark.parametrize("direction", [1, -1])
def test_labels_that_follow_from_the_length_are_an_error(direction: int) -> None:
    messages = [
        Message(
            str(i),
            "word " * (30 + direction * (i % 2) * 5 + i % 7),
            "en",
            complexity=i % 2,
            negative_sentiment=0,
        )
        for i in range(80)
    ]
    numbers, problems = check_lengths({"en": messages})
    assert numbers["en"]["complexity"] > 0.62
    assert numbers["en"]["negative_sentiment"] is None
    assert len(problems) == 1
    assert "tells complexity with an AUC of 0." in problems[0].text
    assert check_lengths({"en": messages[:40]})[1] == []


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=2, max_size=30))
def test_the_auc_of_the_length_does_not_depend_on_the_direction(values: list[tuple[int, bool]]) -> None:
    def area(turned: bool) -> float | None:
        some = [Message("1", "w " * n, "en", complexity=int(label != turned)) for n, label in values]
        return length_auc(some, "complexity")

    assert area(False) == pytest.approx(area(True))
    assert (area(False) is None) == (len({label for _, label in values}) < 2)


def _targets_cases() -> Iterator[tuple[str, dict[str, str | int | None], str, str]]:
    yield "complexity", {"complexity": 1, "second_complexity": 1}, "error", "are “complex, not negative”"
    yield (
        "human",
        {"human_requested": 1, "second_human_requested": 1},
        "error",
        "“human requested”; 12% to 18%",
    )
    yield "public", {"channel": "social"}, "warning", "100.0% of the messages are public; 25% to 42%"
    yield "length", {"text": ""}, "warning", "of the messages have over 35 words; 25% ± 6%"
    yield (
        "unlabelled",
        {"complexity": None},
        "error",
        "he: 32 messages (he-0, he-1, he-2, …) of train lack labels",
    )
    yield (
        "second",
        {"second_complexity": None},
        "error",
        "4 messages (he-36, he-37, he-38, …) of test lack second",
    )
    yield (
        "kappa",
        {"second_complexity": 0},
        "error",
        "he: kappa of complexity is 0.000; at least 0.80 is wanted",
    )


@pytest.mark.parametrize(("name", "fields", "severity", "expected"), list(_targets_cases()))
def test_a_corpus_off_its_targets_is_reported(
    name: str, fields: dict[str, str | int | None], severity: str, expected: str, tmp_path: Path
) -> None:
    corpus = clean_corpus()
    for i in range(40):
        text = message(corpus, f"he-{i}").text
        change(
            corpus, f"he-{i}", **(fields | {"text": f"{text} {text} {text}"} if name == "length" else fields)
        )
    folder = write(corpus, tmp_path)
    found = [p for p in check_corpus(folder, _TARGETS).problems if p.severity == severity]
    assert any(expected in problem.text for problem in found), found
    assert not any(expected in problem.text for problem in check_corpus(folder).problems)


def test_sizes_and_splits_off_their_targets_are_reported(tmp_path: Path) -> None:
    corpus = clean_corpus()
    corpus["train"] = [m for m in corpus["train"] if m.language != "cs"]
    for name in ("train", "validation", "test"):
        corpus[name] = [m for m in corpus[name] if m.language != "other"]
    problems = check_corpus(write(corpus, tmp_path), _TARGETS).problems
    texts = "\n".join(f"{problem.severity}: {problem.text}" for problem in problems)
    assert "error: cs: 8 messages; at least 40 are wanted" in texts
    assert "error: cs: 0 contrast pairs; at least 1 are wanted" in texts
    assert "error: other: 0 messages; at least 40 are wanted" in texts
    assert "warning: cs: 0.0% of the messages are in train; 80% ± 2% are wanted" in texts


def test_too_few_second_labels_in_train_are_an_error(tmp_path: Path) -> None:
    corpus = clean_corpus()
    corpus["train"] = [replace(m, second_complexity=None) for m in corpus["train"]]
    found = errors(check_corpus(write(corpus, tmp_path), _TARGETS))
    assert found == ["0.0% of the messages of train have second labels; at least 10% are wanted"]


def test_kappa() -> None:
    messages = [
        Message(str(i), "text", "en", complexity=first, second_complexity=second)
        for i, (first, second) in enumerate([(0, 0)] * 20 + [(0, 1)] * 5 + [(1, 0)] * 10 + [(1, 1)] * 15)
    ]
    # Source: the worked example in Wikipedia's "Cohen's kappa".
    assert kappa(messages, "complexity") == pytest.approx(0.4)
    assert kappa(messages, "negative_sentiment") is None


@pytest.mark.parametrize(
    ("language", "text", "style", "contradicts"),
    [
        ("he", "איפה החבילה", None, False),
        ("he", "where is ה package", None, False),
        ("he", "eifo hahavila sheli", None, False),
        ("he", "где посылка", "latin-hebrew", False),
        ("he", "где посылка", None, True),
        ("he", "12345 !!!", None, True),
        ("ar", "أين الطلب", None, False),
        ("ar", "fen el talab 7", "arabizi-emoji", False),
        ("ar", "איפה החבילה", None, True),
        ("cs", "kde je balík", None, False),
        ("cs", "где посылка", None, True),
        ("en", "it says שגיאה on my screen", None, False),
        ("en", "أين الطلب please", None, True),
        ("en", "12345", None, False),
        ("other", "где посылка", None, False),
    ],
)
def test_scripts(language: str, text: str, style: str | None, contradicts: bool) -> None:
    assert (wrong_script(Message("1", text, language, style=style)) is not None) == contradicts


def test_disagreement_with_the_language_library_is_a_warning() -> None:
    random = Random(1)
    texts = [" ".join(random.choices(_WORDS["cs"].split(), k=12)) for _ in range(40)]
    numbers, problems = check_languages(rows(texts, language="en"))
    assert numbers["en"]["asked"] == 40
    assert numbers["en"]["agreement"] < 0.2
    assert [problem.severity for problem in problems] == ["warning"]
    numbers, problems = check_languages(rows(texts, language="cs"))
    assert numbers["cs"]["agreement"] > 0.9
    assert problems == []


def test_held_out_texts_are_found_and_never_printed(tmp_path: Path) -> None:
    corpus = clean_corpus()
    secret = "a very secret sentence of a real person"
    change(corpus, "en-9", text=secret)
    folder = write(corpus, tmp_path / "corpus")
    held_out = tmp_path / "real"
    held_out.mkdir()
    (held_out / "some.jsonl").write_text(json.dumps({"text": secret.title() + " ", "label": 1}) + "\n")
    code, output = validate(folder, "--held-out", held_out, "--json", tmp_path / "report.json")
    assert code == 1
    assert "error: en-9 (train/en.jsonl row 10) is also among the held-out texts: drop it" in output
    assert "secret" not in output.lower()
    assert "secret" not in (tmp_path / "report.json").read_text(encoding="utf-8").lower()


def test_held_out_texts_are_looked_for_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = clean_corpus()
    folder = write(corpus, tmp_path / "corpus")
    held_out = tmp_path / "real"
    held_out.mkdir()
    (held_out / "some.jsonl").write_text(json.dumps({"text": message(corpus, "en-9").text}) + "\n")
    assert validate(folder)[0] == 0
    monkeypatch.setattr(validation, "HELD_OUT", held_out)
    assert validate(folder)[0] == 1


@pytest.mark.parametrize("line", ["[]", '{"label": 1}', '{"text": null}', "secret", "\udcff"])
def test_wrong_held_out_rows_are_named_and_not_quoted(line: str, tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text('{"text": "x"}\n' + line, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(CorpusError, match=r"some\.jsonl row 2: not a JSON object with a field text$"):
        held_out_texts(tmp_path)


def test_a_held_out_folder_without_files_is_an_error(tmp_path: Path) -> None:
    code, output = validate(write(clean_corpus(), tmp_path / "c"), "--held-out", tmp_path / "nothing")
    assert code == 1
    assert "--held-out needs a folder of such files" in output


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    code, output = validate(write(clean_corpus(), tmp_path / "c"), "--json", tmp_path / "no" / "report.json")
    assert code == 1
    assert "cannot write" in output
