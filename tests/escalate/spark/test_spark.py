from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalate import BundleError, Classifier, Policy, PolicyError, Thresholds
from escalate.errors import ScoringError
from escalate.policy import OUTPUTS
from tests.conftest import tiny_messages

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tests.escalate.spark.cluster import Cluster

NEVER = Thresholds(None, None, None)
ALWAYS = Policy(offer=NEVER, escalate=Thresholds(0.0, None, None), unsupported="escalate")
TEXTS = [str(data["text"]) for data in tiny_messages("test")]


def write(folder: Path, files: int) -> str:
    """Write the texts, some of them missing, as so many Parquet files; each is a partition of its own."""
    folder.mkdir()
    for number in range(files):
        rows = range(number, len(TEXTS), files)
        table = pa.table({"id": list(rows), "text": [None if row % 50 == 7 else TEXTS[row] for row in rows]})
        pq.write_table(table, folder / f"{number}.parquet")
    return str(folder)


def read(spark: SparkSession, folder: str) -> DataFrame:
    """Read with one task for each file."""
    return spark.read.option("pathGlobFilter", "*.parquet").parquet(folder)


def check(rows: list[dict[str, Any]], classifier: Classifier) -> None:
    """Every row is there once, with the answer that one machine gives."""
    assert sorted(row["id"] for row in rows) == list(range(len(TEXTS)))
    for row in rows:
        assert row["model"] == classifier.version
        if row["id"] % 50 == 7:
            assert row["text"] is None
            assert row["status"] == "missing_text"
            assert row["action"] is row["language"] is row["reasons"] is row["complexity"] is None
        else:
            assert row["text"] == TEXTS[row["id"]]
            check_answer(row, classifier)


def check_answer(row: dict[str, Any], classifier: Classifier, prefix: str = "") -> None:
    expected = classifier.predict(row["text"])
    assert row[f"{prefix}status"] == "ok"
    assert row[f"{prefix}model"] == classifier.version
    assert row[f"{prefix}language"] == expected.language
    assert row[f"{prefix}action"] == expected.action
    assert tuple(row[f"{prefix}reasons"]) == expected.reasons
    for output in OUTPUTS:
        assert math.isclose(row[prefix + output], getattr(expected, output), rel_tol=0, abs_tol=1e-6)


def test_the_released_model_answers_as_on_one_machine_and_all_columns_are_kept(
    spark: SparkSession, classifier: Classifier, tmp_path: Path
) -> None:
    from escalate.spark import score

    texts = ["Let me talk to a human!", "", None, "chci mluvit s člověkem", "\u200fأريد موظف", "12", "נורא"]
    texts += ["Let me talk to a human!", "long " * 3000]
    count = len(texts)
    moment = datetime(2024, 3, 29, 1, 30, tzinfo=timezone.utc)
    table = pa.table(
        {
            "id": pa.array(range(count), pa.int16()),
            "text": texts,
            "sent.at": pa.array([moment] * count, pa.timestamp("us", tz="UTC")),
            "local": pa.array([moment.replace(tzinfo=None)] * count, pa.timestamp("us")),
            "day": pa.array([date(2024, 3, 29), None] * 4 + [None], pa.date32()),
            "price": pa.array([Decimal("12.30")] * count, pa.decimal128(9, 2)),
            "raw": pa.array([b"\xff\x00"] * count),
            "tags": pa.array([["a", None], None, []] * 3, pa.list_(pa.string())),
            "facts": pa.array([[("k", 1)]] * count, pa.map_(pa.string(), pa.int32())),
            "agent": pa.array([{"name": "x", "level": 2}] * count),
            "Action": ["kept"] * count,
        },
    )
    pq.write_table(table, tmp_path / "tickets.parquet")
    tickets = spark.read.parquet(str(tmp_path / "tickets.parquet"))
    scored = score(tickets, "text", prefix="escalate_")
    assert scored.schema.fields[: len(tickets.schema)] == tickets.schema.fields
    scored.write.parquet(str(tmp_path / "scored"))

    back = pq.read_table(tmp_path / "scored").sort_by("id")
    for name in table.column_names:
        assert back[name].to_pylist() == table[name].to_pylist(), name
    rows = back.to_pylist()
    assert [row["escalate_status"] for row in rows[1:3]] == ["missing_text"] * 2
    for row in rows:
        if row["text"]:
            check_answer(row, classifier, "escalate_")


def test_bytes_and_columns_that_cannot_be_null_or_share_a_name(
    spark: SparkSession, classifier: Classifier
) -> None:
    from escalate.spark import score

    rows = spark.range(2).selectExpr(
        "id", "array('fixed') tags", "id `same`", "id + 1 `same`", "named_struct('x', id) s",
        "if(id = 0, cast('help me' as binary), unhex('FFFE')) text",
    )  # fmt: skip
    assert not rows.schema["id"].nullable
    good, bad = sorted(tuple(row) for row in score(rows, "TEXT").collect())
    assert good[:6] == (0, ["fixed"], 0, 1, (0,), b"help me")
    assert good[6] == pytest.approx(classifier.predict("help me").complexity, abs=1e-6)
    assert bad[5] == b"\xff\xfe"
    assert bad[-1] == "broken_encoding"
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    try:
        assert sorted(tuple(row) for row in score(rows, "text").collect()) == [good, bad]
    finally:
        spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")


def test_a_model_and_a_policy_from_the_driver_are_loaded_once_by_each_worker(
    spark: SparkSession, tiny_bundle: Path, tmp_path: Path
) -> None:
    from escalate.spark import score

    (tmp_path / "mine").symlink_to(tiny_bundle)
    tickets = read(spark, write(tmp_path / "tickets", files=8)).repartition(8)
    rows = score(tickets, "text", model=tmp_path / "mine", policy=ALWAYS).collect()
    check([row.asDict() for row in rows], Classifier.load(tiny_bundle, policy=ALWAYS))

    def count_loads(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import os

        from escalate import spark as worker

        for batch in batches:
            info = worker._answerer.cache_info()
            columns = {"process": os.getpid(), "loads": info.misses, "hits": info.hits}
            yield pa.RecordBatch.from_pydict({k: [v] * len(batch) for k, v in columns.items()})

    def loads() -> dict[int, tuple[int, int]]:
        counted = spark.range(8, numPartitions=8).mapInArrow(
            count_loads, "process long, loads long, hits long"
        )
        return {row.process: (row.loads, row.hits) for row in counted.collect()}

    before = loads()
    for _ in range(2):
        score(tickets, "text", model=str(tiny_bundle), policy=ALWAYS).collect()
    after = loads()
    assert before
    assert {process: loaded for process, (loaded, _) in before.items()} == {
        process: after[process][0] for process in before
    }
    assert sum(hits for _, hits in after.values()) >= sum(hits for _, hits in before.values()) + 16
    archives = [path for path in spark.sparkContext.listArchives if "escalate-model" in path]
    assert len(archives) == 1


def test_nothing_runs_before_the_result_is_used_and_no_row_is_moved(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from escalate.spark import score

    spark.sparkContext.setJobGroup("lazy", "no job is expected")
    tickets = spark.range(100, numPartitions=7).selectExpr("cast(id as string) text")
    scored = score(tickets, "text")
    scored.explain()
    assert scored.rdd.getNumPartitions() == 7
    assert list(spark.sparkContext.statusTracker().getJobIdsForGroup("lazy")) == []
    plan = capfd.readouterr().out
    assert "MapInArrow" in plan
    assert "Exchange" not in plan


def test_a_killed_worker_loses_no_row_and_doubles_none(
    spark: SparkSession, cluster: Cluster, tiny_bundle: Path, tmp_path: Path
) -> None:
    from escalate.spark import score

    gate = str(tmp_path / "gate")

    def wait_at_the_gate(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Let the first six tasks pass; the others wait until the gate is there."""
        import os
        import time

        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        while context.partitionId() >= 6 and not os.path.exists(gate):  # noqa: PTH110
            time.sleep(0.05)
        yield from batches

    tickets = read(spark, write(tmp_path / "tickets", files=12)).repartition(12, "id")
    gated = tickets.mapInArrow(wait_at_the_gate, tickets.schema)
    scored = score(gated, "text", model=tiny_bundle)
    errors: list[Exception] = []

    def run() -> None:
        try:
            spark.sparkContext.setJobGroup("killed", "a worker dies")
            scored.write.parquet(str(tmp_path / "scored"))
        except Exception as error:
            errors.append(error)

    job = Thread(target=run)
    job.start()
    status = spark.sparkContext.statusTracker()

    def stages() -> list[Any]:
        jobs = status.getJobIdsForGroup("killed")
        found = [
            status.getStageInfo(s) for job in jobs for s in getattr(status.getJobInfo(job), "stageIds", ())
        ]
        return [stage for stage in found if stage is not None]

    def wait_for(what: str, condition: Any) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert job.is_alive() or condition(), f"the job ended before {what}: {errors}"
            assert time.monotonic() < end, f"waited in vain for {what}: {stages()}"
            time.sleep(0.05)

    wait_for(
        "six finished tasks, and one on each worker",
        lambda: any((s.numTasks, s.numCompletedTasks, s.numActiveTasks) == (12, 6, 2) for s in stages()),
    )
    cluster.kill_a_worker()
    wait_for("the loss of a task", lambda: any(stage.numFailedTasks for stage in stages()))
    Path(gate).touch()
    job.join(120)
    assert not job.is_alive()
    assert errors == []
    check(pq.read_table(tmp_path / "scored").to_pylist(), Classifier.load(tiny_bundle))


def test_a_stream_scored_batch_by_batch(spark: SparkSession, tiny_bundle: Path, tmp_path: Path) -> None:
    from escalate.spark import score

    batches: Counter[int] = Counter()

    def keep(batch: DataFrame, number: int) -> None:
        batches[number] += 1
        score(batch, "text", model=tiny_bundle, policy=ALWAYS).write.mode("append").parquet(
            str(tmp_path / "scored")
        )

    folder = write(tmp_path / "tickets", files=3)
    query = (
        spark.readStream.schema("id long, text string")
        .option("maxFilesPerTrigger", 1)
        .parquet(folder)
        .writeStream.foreachBatch(keep)
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    assert query.awaitTermination(120)
    assert batches == {0: 1, 1: 1, 2: 1}
    check(pq.read_table(tmp_path / "scored").to_pylist(), Classifier.load(tiny_bundle, policy=ALWAYS))


def test_a_streaming_frame_itself(spark: SparkSession, tiny_bundle: Path, tmp_path: Path) -> None:
    from escalate.spark import score

    stream = spark.readStream.schema("id long, text string").parquet(write(tmp_path / "tickets", files=2))
    query = (
        score(stream, "text", model=tiny_bundle)
        .writeStream.format("parquet")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(tmp_path / "scored"))
    )
    assert query.awaitTermination(120)
    check(pq.read_table(tmp_path / "scored").to_pylist(), Classifier.load(tiny_bundle))


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ("id", {}, ScoringError, "no column 'text'.*columns: id"),
        ("'a' text, 'b' Text", {}, ScoringError, "2 columns 'text'"),
        ("1.5 text", {}, ScoringError, r"'text' has type decimal\(2,1\)"),
        (
            "'a' text, 1 ACTION, 2 status",
            {},
            ScoringError,
            "already has the columns action, status; give a prefix",
        ),
        ("'a' text, 1 my_action", {"prefix": "my_"}, ScoringError, "my_action"),
        ("'a' text", {"model": "absent"}, BundleError, "absent"),
        ("'a' text", {"policy": "absent.json"}, PolicyError, "absent.json"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    spark: SparkSession, columns: str, options: dict[str, str], error: type[Exception], message: str
) -> None:
    from escalate.spark import score

    with pytest.raises(error, match=message):
        score(spark.range(1).selectExpr(*columns.split(", ")), "text", **options)


def test_names_that_differ_in_case_where_spark_is_told_to_tell_them_apart(spark: SparkSession) -> None:
    from escalate.spark import score

    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        row = score(spark.range(1).selectExpr("'hello' text", "2 Text", "3 Action"), "text").head()
        assert row is not None
        assert (row["Text"], row["Action"], row["status"]) == (2, 3, "ok")
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_a_damaged_model_is_not_sent(spark: SparkSession, tiny_bundle: Path, tmp_path: Path) -> None:
    from escalate.spark import score

    for part in tiny_bundle.iterdir():
        if part.is_file():
            (tmp_path / part.name).write_bytes(part.read_bytes())
    manifest = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    (tmp_path / "manifest.json").write_text(manifest.replace('"tiny"', '"other"'), encoding="utf-8")
    before = spark.sparkContext.listArchives
    with pytest.raises(BundleError, match="copy the bundle again"):
        score(spark.range(1).selectExpr("'a' text"), "text", model=tmp_path)
    assert spark.sparkContext.listArchives == before


def test_the_example_job_runs_under_spark_submit(tiny_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="needs the extra spark")
    import os

    from tests.escalate.spark.cluster import ENVIRONMENT, ROOT, SPARK_HOME

    finished = subprocess.run(
        [
            str(SPARK_HOME / "bin" / "spark-submit"),
            *("--master", "local[1]", "--conf", "spark.ui.enabled=false"),
            str(ROOT / "examples" / "score_with_spark.py"),
            *(write(tmp_path / "tickets", files=2), str(tmp_path / "scored"), "text"),
            *("--model", str(tiny_bundle), "--partitions", "3"),
        ],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    check(pq.read_table(tmp_path / "scored").to_pylist(), Classifier.load(tiny_bundle))


def test_a_node_with_another_released_model_than_the_driver_stops_the_job() -> None:
    pytest.importorskip("pyspark", reason="needs the extra spark")
    from escalate.spark import _answerer, _Model

    with pytest.raises(BundleError, match="install the same escalate-nlp on every node"):
        _answerer(_Model(checksum="of the driver", archive=None), None)


def test_without_pyspark_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['pyspark'] = None\nimport escalate.spark"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MissingExtraError: escalate.spark needs more packages" in finished.stderr
    assert "escalate-nlp[spark]" in finished.stderr
