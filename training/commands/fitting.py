"""The command that trains: the released model's recipe on a corpus, or own tickets."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.commands.common import KINDS, OWN_TICKETS, RUN, CorpusOption, RecipeOption, or_exit
from training.corpus.messages import CORPUS
from training.fitting.recipe import RECIPE, read_recipe
from training.printing import say
from training.retraining.plan import BASE, ENOUGH, EPOCHS, OWN_SHARE, RELEASED, SEED, Plan
from training.tickets.columns import Columns
from training.tickets.options import takes_columns


@takes_columns
def train(
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Own labelled tickets: {KINDS}.",
            show_default="none: the train split of --corpus alone",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the new bundle, such as models/mine.", rich_help_panel=OWN_TICKETS),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Folder of the run; an interrupted one goes on.",
            show_default="runs/default, with --data runs/ and the name of --out",
        ),
    ] = None,
    corpus: CorpusOption = CORPUS,
    recipe: RecipeOption = RECIPE,
    start: Annotated[
        str | None,
        typer.Option(
            metavar=f"{RELEASED}|{BASE}|FOLDER",
            help="What training goes on from: the released model, the base encoder, or a bundle.",
            show_default=RELEASED,
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    own_share: Annotated[
        float | None,
        typer.Option(
            help="Share of your messages in what is learned; the rest is the corpus (1 for none of it).",
            show_default=str(OWN_SHARE),
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over your messages, if it does not stop earlier.",
            show_default=f"{EPOCHS}, fewer of more than {ENOUGH // EPOCHS:,} messages",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="group|time|random",
            help="How your messages are split into train, validation and test.",
            show_default="group where there is a column, else time, else random",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of split, mixture and training.", show_default=str(SEED), rich_help_panel=OWN_TICKETS
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            help="Version of the new model.",
            show_default="name of --out and today, mine-20310203",
            rich_help_panel=OWN_TICKETS,
        ),
    ] = None,
    *,
    columns: Columns,
) -> None:
    """Train: with --data on own tickets and the corpus to a new bundle, else by the recipe on the corpus."""
    own = {
        "--out": out, "--start": start, "--own-share": own_share, "--epochs": epochs, "--split": split,
        "--seed": seed, "--version": version,
    }  # fmt: skip
    given = [name for name, value in own.items() if value is not None]
    if data is None:
        if given or columns != Columns():
            raise typer.BadParameter(f"{', '.join(given) or 'columns'}: only for own tickets; name --data")
        or_exit(lambda: _train_corpus(corpus, recipe, run or RUN))
        return
    if out is None:
        raise typer.BadParameter("--data needs --out, the folder of the new bundle, such as models/mine")

    def plan() -> Plan:
        return Plan(
            source=data,
            columns=columns,
            corpus=corpus,
            start=RELEASED if start is None else start,
            own_share=OWN_SHARE if own_share is None else own_share,
            epochs=epochs,
            split=split,
            seed=SEED if seed is None else seed,
            recipe=read_recipe(recipe),
        )

    folder, name = run or RUN.parent / out.name, version or f"{out.name}-{date.today():%Y%m%d}"
    or_exit(lambda: _retrain(plan(), folder, out, name))


def _train_corpus(corpus: Path, recipe: Path, run: Path) -> None:
    from training.fitting import pipeline

    pipeline.train(corpus, read_recipe(recipe), run)


def _retrain(plan: Plan, run: Path, out: Path, version: str) -> None:
    from training.release.gate import refuse_version
    from training.retraining.export import export_retrained
    from training.retraining.retrain import retrain

    refuse_version(version)
    export_retrained(retrain(plan, run, out), plan, version, out)
    console = Console()
    say(console, f"wrote {out} (model {version})")
    say(console, f"Is it better on your tickets? python -m training evaluate --model {out} --run {run}")
