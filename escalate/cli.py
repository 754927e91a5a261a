"""The command ``escalate``."""

from __future__ import annotations

import errno
import io
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from escalate.bundle import MANIFEST, load_bundle
from escalate.classifier import Classifier
from escalate.errors import EscalateError
from escalate.policy import OUTPUTS
from escalate.prediction import Prediction
from escalate.scoring.command import score
from escalate.terminal import facts_table
from escalate.version import __version__

EXIT_ERROR = 1
"""Exit code when a model, a policy or a file cannot be used; typer uses 2 for wrong arguments."""

# First strong isolate and pop directional isolate: a terminal that knows bidirectional text sets a
# message in its own direction and leaves the rest of the line alone.
_ISOLATE = "\u2068"
_END_ISOLATE = "\u2069"
_LONGEST_SHOWN = 160
_ACTION_STYLES = {"continue": "green", "offer": "yellow", "escalate": "bold red"}

app = typer.Typer(
    name="escalate",
    help="Decides which customer messages must reach a person (Hebrew, Arabic, Czech, English).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelOption = Annotated[
    Path | None,
    typer.Option("--model", help="Folder of a model bundle; without it the released model."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="JSON file with thresholds; without it the model's own."),
]


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Messages; without any, one a line from standard input."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line instead of a table.")
    ] = False,
    model: ModelOption = None,
    policy: PolicyOption = None,
) -> None:
    """Answer for messages: how complex, how negative, a person asked for, and what to do.

    Write -- before messages that begin with a dash.
    Exit codes: 0 answered, 1 a model or policy that cannot be used, 2 wrong arguments.
    """
    classifier = Classifier.load(model, policy=policy)
    if not texts and sys.stdin is None:
        raise typer.BadParameter("name a message, or give messages on standard input")
    messages = iter(texts) if texts else _lines()
    if as_json:
        for text in messages:
            answer = {"text": text, **classifier.predict(text).to_dict()}
            print(_json_line(answer), flush=True)
        return
    table = _table()
    for text in messages:
        _add_row(table, text, classifier.predict(text))
    Console().print(table)


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
    model: ModelOption = None,
) -> None:
    """Describe a model: version, languages, outputs, metrics, licence of the base, checksums."""
    manifest = load_bundle(model).manifest
    if as_json:
        print(json.dumps(manifest, ensure_ascii=False, indent=2))
        return
    console = Console()
    console.print(facts_table(_facts(manifest)))
    if languages := manifest.get("metrics", {}).get("languages"):
        console.print(_metrics_table(languages))


def _facts(manifest: Any) -> Iterator[tuple[str, str]]:
    base, data = manifest.get("base", {}), manifest.get("data", {})
    yield "escalate", __version__
    yield "model", manifest["version"]
    yield "languages", ", ".join(manifest["languages"])
    yield "outputs", ", ".join(manifest["outputs"])
    yield "window", f"{manifest['window']} tokens, overlap {manifest['overlap']}"
    yield "base encoder", f"{base.get('name', 'unknown')} ({base.get('licence', 'licence unknown')})"
    yield "training data", f"{data.get('licence', 'unknown')}, SHA-256 {data.get('sha256', '')[:16]}…"
    yield "commit", manifest.get("commit", "unknown")
    for name, digest in manifest["sha256"].items():
        yield name, f"SHA-256 {digest} verified"
    yield MANIFEST, f"format {manifest['format']}"


def _metrics_table(languages: Any) -> Table:
    table = Table(title="Macro-F1 on the test split (AUC)", title_justify="left")
    table.add_column("language")
    for output in OUTPUTS:
        table.add_column(output, justify="right")
    for language, values in languages.items():
        cells = [values.get(output) for output in OUTPUTS]
        shown = [f"{cell['macro_f1']:.3f} ({cell['auc']:.3f})" if cell else "–" for cell in cells]
        table.add_row(language, *shown)
    return table


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command; standard streams are UTF-8 whatever the locale says."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no UTF-8 become U+FFFD, as they would in the normaliser; a BOM goes.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace", newline="\n")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app()


def _exiting(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that exits with one sentence where a file, a stream or escalate is in the way."""

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
            if sys.stdout is not None:
                sys.stdout.flush()
        except EscalateError as error:
            _fail(str(error))
        except OSError as error:
            if error.errno == errno.EPIPE:  # typer ends quietly where nobody reads on
                raise
            if error.filename is None and sys.stdout is not None:
                # What could not be written would fail again when Python ends.
                with suppress(OSError):
                    sys.stdout.close()
            place = "standard input or output" if error.filename is None else error.filename
            _fail(f"cannot read or write {place}: {error.strerror or error}")

    return guarded


for _command in (predict, info, score):
    app.command()(_exiting(_command))


def _fail(message: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"escalate: {message}", style="red", markup=False)
    raise typer.Exit(EXIT_ERROR)


def _lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _json_line(answer: dict[str, Any]) -> str:
    """Return one line of JSON: readable letters, and escapes for what could break or turn the line."""
    text = json.dumps(answer, ensure_ascii=False)
    return "".join(c if c == " " or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _table() -> Table:
    """Return the table, the message in its last column so that its direction moves no other."""
    table = Table()
    for name in ("action", "complex", "negative", "human", "language"):
        table.add_column(name, no_wrap=True, justify="left" if name == "action" else "right")
    table.add_column("message", overflow="fold")
    return table


def _add_row(table: Table, text: str, prediction: Prediction) -> None:
    probabilities = [getattr(prediction, output) for output in OUTPUTS]
    shown = " ".join(text.split())
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[: _LONGEST_SHOWN - 1] + "…"
    table.add_row(
        Text(prediction.action, style=_ACTION_STYLES[prediction.action]),
        *(f"{p:.2f}" if prediction.supported else "–" for p in probabilities),
        prediction.language,
        _Isolated(_printable(shown)),
    )


class _Isolated:
    """A message that is wrapped to its column, every line of it in its own direction."""

    def __init__(self, text: str) -> None:
        self._text = Text(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.wrap(console, options.max_width):
            yield Text(f"{_ISOLATE}{line.plain.rstrip()}{_END_ISOLATE}", no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)


def _printable(text: str) -> str:
    """Drop marks without a glyph and show other characters that cannot be printed as U+FFFD."""
    visible = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(c if c.isprintable() else "\ufffd" for c in visible)
