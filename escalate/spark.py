"""Scores a Spark DataFrame, batch or streaming, on every core of a cluster.

    >>> from escalate.spark import score
    >>> score(spark.read.parquet("tickets"), "message").write.parquet("scored")

Every node needs Python with ``escalate-nlp[spark]``; a model of your own travels from the driver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import ZipFile

from escalate.bundle import MANIFEST, load_bundle, read_manifest, released_bundle
from escalate.classifier import Classifier
from escalate.errors import BundleError, MissingExtraError, ScoringError
from escalate.policy import Policy

try:
    import pyarrow as pa
    from pyspark import SparkContext, SparkFiles
    from pyspark.sql import DataFrame
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import BinaryType, StringType, StructType

    from escalate.scoring.answers import Answerer, answer_schema
except ImportError as error:
    raise MissingExtraError("escalate.spark", "spark") from error

_shipping: Final = threading.Lock()


class _Model(NamedTuple):
    """What a Python worker needs to find a model: it travels in place of the model itself."""

    checksum: str
    """Of the manifest, and so of every file of the bundle."""

    archive: str | None
    """Name of the unpacked archive among Spark's files; None for the bundle that is installed."""


def score(
    df: DataFrame,
    text_column: str,
    prefix: str = "",
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
) -> DataFrame:
    """Add the answers of a model to every row.

    Lazy: nothing is read before the result is used. No shuffle, and nothing is collected on the driver:
    every partition is scored where it is, on one core, so a DataFrame of few partitions keeps few cores
    busy (``df.repartition`` makes more). Each Python worker loads the model once for all its tasks.
    In a streaming query, call it on the streaming DataFrame or inside ``foreachBatch``.

    Args:
        df: Any DataFrame; all its columns are kept with their types.
        text_column: The column with the messages, strings or UTF-8 bytes.
        prefix: Put before the names of the added columns.
        model: Folder of a bundle on the driver, sent to the workers as an archive, or None for the
            released model, which every node then finds in its own installed escalate. Spark Connect
            cannot send a model.
        policy: A policy or the path of a policy file on the driver, or None for the one of the model.

    Returns:
        ``df`` with the columns of ``escalate.scoring.answers.answer_schema(prefix)``. A row without a
        usable text keeps its place: its ``status`` says why, its answer is null.

    Raises:
        BundleError: The bundle is missing, incomplete, altered or of another version.
        PolicyError: The policy file is not a policy.
        ScoringError: ``df`` lacks the text column, has a column that would be added, or its text column
            holds neither strings nor bytes.
    """
    # Spark compares names without regard to case, unless it is told otherwise.
    case_sensitive = df.sparkSession.conf.get("spark.sql.caseSensitive") == "true"
    spelling = str if case_sensitive else str.lower
    position = _text_position(df, text_column, spelling)
    names = [*df.columns, *_added_names(df, prefix, spelling)]
    if policy is not None and not isinstance(policy, Policy):
        policy = Policy.from_file(policy)
    sent = _installed() if model is None else _send(df.sparkSession.sparkContext, Path(model))
    # Between here and the workers columns go by number: Spark cannot pass names with a dot, nor one twice.
    numbered = df.toDF(*(f"column{number}" for number in range(len(df.columns))))
    schema = StructType([*numbered.schema.fields, *from_arrow_schema(answer_schema()).fields])
    scoring = partial(_score_batches, position=position, model=sent, policy=policy)
    return numbered.mapInArrow(scoring, schema).toDF(*names)


def _text_position(df: DataFrame, text_column: str, spelling: Callable[[str], str]) -> int:
    wanted = spelling(text_column)
    matches = [number for number, name in enumerate(df.columns) if spelling(name) == wanted]
    if len(matches) != 1:
        found = f"{len(matches)} columns" if matches else "no column"
        raise ScoringError(f"the DataFrame has {found} {text_column!r}; its columns: {', '.join(df.columns)}")
    kind = df.schema.fields[matches[0]].dataType
    if not isinstance(kind, StringType | BinaryType):
        raise ScoringError(
            f"column {text_column!r} has type {kind.simpleString()}, not string or binary; "
            "name the column with the messages, or cast it"
        )
    return matches[0]


def _added_names(df: DataFrame, prefix: str, spelling: Callable[[str], str]) -> list[str]:
    names: list[str] = answer_schema(prefix).names
    present = set(map(spelling, df.columns))
    if clashes := [name for name in names if spelling(name) in present]:
        raise ScoringError(
            f"the DataFrame already has the columns {', '.join(clashes)}; "
            "give a prefix for the added ones, or drop or rename these"
        )
    return names


def _installed() -> _Model:
    return _Model(read_manifest(released_bundle())["checksum"], archive=None)


def _send(context: SparkContext, folder: Path) -> _Model:
    """Have Spark bring a bundle to every node, once for each SparkContext.

    An archive, because ``addFile`` takes no local folder outside local mode; named by its content,
    so that neither two models with one folder name nor two calls for one model get in each other's way.
    """
    manifest = read_manifest(folder)
    name = f"escalate-model-{manifest['checksum']}"
    with _shipping:
        if not any(archive.endswith(f"#{name}") for archive in context.listArchives):
            load_bundle(folder)
            archive = Path(SparkFiles.getRootDirectory()) / f"{name}.zip"  # removed with the SparkContext
            with ZipFile(archive, "w") as file:
                for part in (MANIFEST, *manifest["sha256"]):
                    file.write(folder / part, part)
            context.addArchive(f"{archive.as_uri()}#{name}")
    return _Model(manifest["checksum"], archive=name)


def _score_batches(
    batches: Iterable[pa.RecordBatch], position: int, model: _Model, policy: Policy | None
) -> Iterator[pa.RecordBatch]:
    answerer = _answerer(model, policy)
    for batch in batches:
        answers = answerer.answer(batch.column(position))
        names = [*batch.schema.names, *answers.schema.names]
        yield pa.RecordBatch.from_arrays([*batch.columns, *answers.columns], names=names)


@lru_cache(maxsize=2)
def _answerer(model: _Model, policy: Policy | None) -> Answerer:
    """Return the answerer of this Python worker; a worker process runs one task at a time."""
    folder = released_bundle() if model.archive is None else Path(SparkFiles.get(model.archive))
    classifier = Classifier.load(folder, threads=1, policy=policy)
    if classifier.manifest["checksum"] != model.checksum:
        raise BundleError(
            f"this node has model {classifier.version} of another escalate than the driver: "
            "install the same escalate-nlp on every node"
        )
    return Answerer(classifier)
