"""The work of a run: parts that are answered, written and noted one after the other, and joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final

from escalate.classifier import Classifier
from escalate.errors import ScoringError
from escalate.scoring.answers import OK, Answerer, Status
from escalate.scoring.blocks import Block
from escalate.scoring.journal import Journal, durable_file
from escalate.scoring.plan import Options, Plan
from escalate.scoring.sinks import Scored
from escalate.scoring.sources import BLOCK_SIZE
from escalate.scoring.tally import BadRow, Tally, bad_rows_of, months_of

PART_ROWS: Final = 1_000
"""A part is finished with the block that brings it to so many rows, or to ``PART_SIZE``."""

PART_SIZE: Final = BLOCK_SIZE
"""Characters or bytes, as in ``Block.size``."""

OnProgress = Callable[[int, int], None]
"""Called with the rows done and the rows in all."""


def write_parts(
    plan: Plan, journal: Journal, options: Options, classifier: Classifier, on_progress: OnProgress | None
) -> None:
    """Write the parts that are not there yet.

    Raises:
        OSError: A part cannot be written; those before it are in the journal.
        ScoringError: The input cannot be read or changed meanwhile, or a row is bad and that is not
            allowed.
    """
    if options.strict and journal.tally.bad_rows:
        _refuse(journal.tally.bad_rows[0])
    answerer = Answerer(classifier, options.workers, options.prefix)

    def write(number: int, answered: tuple[list[Scored], Tally]) -> None:
        rows, tally = answered
        plan.refuse_changed(block for block, _ in rows)
        path = journal.part_path(number, plan.sink.file.format)
        with durable_file(path) as temporary:
            plan.sink.write_part(temporary, rows)
        journal.add_part(path, tally)
        if on_progress is not None:
            on_progress(journal.tally.rows, plan.rows)

    if on_progress is not None:
        on_progress(journal.tally.rows, plan.rows)
    parts = enumerate(_parts(plan.source.blocks(options.limit)))
    # A part is answered while the one before it is written and the one after it is read.
    pool = ThreadPoolExecutor(1, thread_name_prefix="escalate-part")
    previous: tuple[int, Future[tuple[list[Scored], Tally]]] | None = None
    try:
        for number, blocks in islice(parts, len(journal.parts), None):
            answering = pool.submit(_answer, blocks, plan, options, answerer)
            if previous is not None:
                write(previous[0], previous[1].result())
            previous = number, answering
        if previous is not None:
            write(previous[0], previous[1].result())
    finally:
        # Where the run ends early, nobody waits for the answers to the other parts.
        answerer.stop()
        pool.shutdown(cancel_futures=True)


def join_parts(plan: Plan, journal: Journal) -> None:
    """Join the parts, and give the result its name.

    Raises:
        OSError: The output cannot be written; the parts stay.
    """
    target = plan.sink.file.path
    with durable_file(target, journal.whole) as temporary:
        plan.sink.join(temporary, journal.parts)
        journal.finish(temporary)


def _parts(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Gather blocks until they have the rows or the size of a part; small files share one."""
    part: list[Block] = []
    for block in blocks:
        part.append(block)
        if sum(map(len, part)) >= PART_ROWS or sum(block.size for block in part) >= PART_SIZE:
            yield part
            part = []
    if part:
        yield part


def _answer(
    blocks: Iterable[Block], plan: Plan, options: Options, answerer: Answerer
) -> tuple[list[Scored], Tally]:
    """Answer the rows of a part and count them."""
    scored, tally = [], Tally()
    for block in blocks:
        texts, statuses = block.texts(plan.text_column)
        bad_rows = _bad_rows(block, statuses, options)
        if options.strict and bad_rows:
            _refuse(bad_rows[0])
        added = answerer.answer_texts(texts, statuses)
        times = options.time_column
        months = [""] * len(block) if times is None else months_of(block.values(times))
        tally.count(added, options.prefix, months)
        tally.note(bad_rows)
        scored.append((block, added))
    return scored, tally


def _bad_rows(block: Block, statuses: Sequence[Status], options: Options) -> list[BadRow]:
    if all(status == OK for status in statuses):
        return []
    ids = None if options.id_column is None else block.values(options.id_column)
    return bad_rows_of(str(block.file.path), block.first_row, ids, statuses)


def _refuse(bad: BadRow) -> None:
    raise ScoringError(f"{bad}; correct the row, or leave out --strict to keep such rows with their status")
