"""What a run will do, found out and checked before its work starts."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import onnxruntime
import pyarrow as pa
import tokenizers

from escalate.classifier import Classifier
from escalate.errors import ScoringError
from escalate.processor import has_exact_products, usable_cores
from escalate.scoring.answers import Answerer, answer_schema
from escalate.scoring.blocks import Block
from escalate.scoring.columns import choose_text_column, refuse_clashes, require_column
from escalate.scoring.csv_rows import CsvFormat
from escalate.scoring.files import TableFile, describe_file, find_files, fingerprint, parts_folder, stamp
from escalate.scoring.journal import Binding
from escalate.scoring.parquet_source import ParquetSource
from escalate.scoring.sinks import Sink, open_sink
from escalate.scoring.sources import Source
from escalate.scoring.text_sources import CsvSource, JsonSource
from escalate.version import __version__

_SAMPLE_ROWS: Final = 256


@dataclass(frozen=True)
class Options:
    """How to read, answer and write; ``score_file`` describes each."""

    text_column: str | None = None
    id_column: str | None = None
    time_column: str | None = None
    prefix: str = ""
    encoding: str = "utf-8"
    layout: CsvFormat = field(default_factory=CsvFormat)
    limit: int | None = None
    workers: int = field(default_factory=usable_cores)
    strict: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers below 1."""
        for name, value in (("limit", self.limit), ("workers", self.workers)):
            if value is not None and value < 1:
                raise ScoringError(f"--{name} is {value}; it must be 1 or more")


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        source: Where the rows come from.
        sink: Where they go.
        rows: How many there are.
        text_column: Which column holds the messages.
        columns: The columns of the input.
        binding: What the output depends on.
        stamps: Size and time of change of the input files.
    """

    source: Source
    sink: Sink
    rows: int
    text_column: str
    columns: pa.Schema
    binding: Binding
    stamps: Mapping[Path, tuple[int, int]]

    def refuse_changed(self, blocks: Iterable[Block]) -> None:
        """Refuse rows of a file that was written to since the plan was made.

        Raises:
            ScoringError: A file has another size or time of change.
        """
        for file in {block.file.path: block.file for block in blocks}.values():
            if stamp(file) != self.stamps[file.path]:
                raise ScoringError(f"{file.path} changed while it was read; start anew with --overwrite")


def make_plan(source: str | Path, output: Path, options: Options, classifier: Classifier) -> Plan:
    """Look at the input and decide everything about a run.

    Raises:
        ScoringError: The input, the output or an option does not fit.
    """
    target = describe_file(output)
    files = find_files(str(source), parts_folder(output))
    _refuse_overlap(output, str(source), files)
    stamps = {file.path: stamp(file) for file in files}
    reader = _open_source(files, options)
    survey = reader.survey()
    columns = survey.schema
    text_column = _columns_of(reader, columns, options)
    if files[0].format != "parquet":
        # What is no text, or stood in a malformed row, is kept in this column as text.
        index = columns.get_field_index(text_column)
        columns = columns.set(index, pa.field(text_column, pa.string()))
    added = answer_schema(options.prefix)
    refuse_clashes(columns, added)
    # A delimiter of one's own is that of a CSV output as well, unless its name says tabs.
    delimiter = "\t" if target.tabs else options.layout.delimiter_for(tabs=False)
    return Plan(
        source=reader,
        sink=open_sink(target, columns, added, text_column, delimiter, survey.marked),
        rows=survey.rows if options.limit is None else min(survey.rows, options.limit),
        text_column=text_column,
        columns=columns,
        binding=_binding(files, text_column, options, classifier),
        stamps=stamps,
    )


def estimate_seconds(plan: Plan, options: Options, classifier: Classifier) -> float:
    """Return how long a run will take, from scoring its first rows."""
    sample = next(plan.source.blocks(min(_SAMPLE_ROWS, plan.rows)), None) if plan.rows else None
    if sample is None:
        return 0.0
    answerer = Answerer(classifier, options.workers)
    start = time.perf_counter()
    answerer.answer_texts(*sample.texts(plan.text_column))
    return (time.perf_counter() - start) / len(sample) * plan.rows


def _open_source(files: Sequence[TableFile], options: Options) -> Source:
    if files[0].format == "parquet":
        return ParquetSource(files)
    if files[0].format == "json":
        return JsonSource(files, options.encoding)
    return CsvSource(files, options.encoding, options.layout)


def _columns_of(source: Source, schema: pa.Schema, options: Options) -> str:
    """Check the columns that the options name, and return the one with the messages."""
    others = []
    for name, option in ((options.id_column, "--id-column"), (options.time_column, "--time-column")):
        if name is not None:
            require_column(schema, name, option)
            others.append(name)
    sample = next(islice(source.blocks(), 1), None) if options.text_column is None else None
    return choose_text_column(schema, options.text_column, others, sample)


def _refuse_overlap(output: Path, source: str, files: Sequence[TableFile]) -> None:
    folder, parts = Path(source).resolve(), parts_folder(output)
    if folder.is_dir() and folder in output.resolve().parents:
        raise ScoringError(f"{output} is inside the input {source}; write it to another folder")
    deleted = parts.resolve()
    if inside := next((file.path for file in files if deleted in file.path.resolve().parents), None):
        raise ScoringError(
            f"the input {inside} is in {parts}, which a run deletes; name another output, or move the input"
        )
    if any(output.exists() and output.samefile(file.path) for file in files):
        raise ScoringError(f"{output} is an input file; write to another name")


def _binding(
    files: Sequence[TableFile], text_column: str, options: Options, classifier: Classifier
) -> Binding:
    return {
        "input": {file.name: fingerprint(file) for file in files},
        "option": {
            "--text-column": text_column,
            "--id-column": options.id_column,
            "--time-column": options.time_column,
            "--prefix": options.prefix,
            "--encoding": options.encoding,
            "--delimiter": options.layout.delimiter,
            "--quote": options.layout.quote,
            "--escape": options.layout.escape,
            "--limit": options.limit,
        },
        "model": {"version": classifier.version, "checksum": classifier.manifest["checksum"]},
        "policy": classifier.policy.to_dict(),
        # The two ways of multiplying give probabilities that differ a little.
        "processor": {"with exact products of 8-bit integers (VNNI)": has_exact_products()},
        "version of": {
            "Python": platform.python_version(),
            "escalate": __version__,
            "onnxruntime": onnxruntime.__version__,
            "pyarrow": pa.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
