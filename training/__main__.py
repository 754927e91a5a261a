"""``python -m training``: the commands of the training pipeline."""

from __future__ import annotations

import typer

from training.commands import corpus, model

app = typer.Typer(
    name="training",
    help="From a corpus to a released bundle.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    corpus.validate,
    corpus.split,
    corpus.datasheet,
    model.train,
    model.export,
    model.evaluate,
    model.release,
    model.benchmark,
):
    app.command()(command)


if __name__ == "__main__":
    app()
