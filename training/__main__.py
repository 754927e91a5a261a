"""``python -m training``: the commands of the training pipeline."""

from __future__ import annotations

import typer

from training.commands import corpus, evaluation, feedback, fitting, model, policy, tickets

app = typer.Typer(
    name="training",
    help="From your tickets or the corpus to a bundle.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    corpus.validate,
    corpus.split,
    corpus.datasheet,
    tickets.label_errors,
    fitting.train,
    model.export,
    evaluation.evaluate,
    model.release,
    model.benchmark,
    model.benchmark_scoring,
    policy.thresholds,
    feedback.feedback,
):
    app.command()(command)


if __name__ == "__main__":
    app()
