"""The options of every command that takes a data scientist's own tickets."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, Final, TypeVar

import typer

from escalate.policy import OUTPUTS
from training.tickets.columns import Columns

Result = TypeVar("Result")

PANEL: Final = "Columns of your tickets"
_SAME: Final = "same name; '' for none"


def _column(help_text: str) -> Any:
    return typer.Option(metavar="COLUMN", help=help_text, show_default=_SAME, rich_help_panel=PANEL)


TextOption = Annotated[
    str, typer.Option(metavar="COLUMN", help="Column of the message.", rich_help_panel=PANEL)
]
IdOption = Annotated[str | None, _column("Column of the id, different in every row.")]
LanguageOption = Annotated[str | None, _column("Column of the language; without it the model tells.")]
ComplexityOption = Annotated[str | None, _column("Column of the label complexity.")]
NegativeSentimentOption = Annotated[str | None, _column("Column of the label negative_sentiment.")]
HumanRequestedOption = Annotated[str | None, _column("Column of the label human_requested.")]
TimeOption = Annotated[str | None, _column("Column of the time the message came.")]
GroupOption = Annotated[str | None, _column("Column of what must stay in one split: customer, conversation.")]
DomainOption = Annotated[str | None, _column("Column of the domain.")]
ChannelOption = Annotated[str | None, _column("Column of the channel.")]
CutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cut",
        metavar="OUTPUT=SCORE",
        help="The label column of this output holds scores; from this one on they mean yes.",
        rich_help_panel=PANEL,
    ),
]
TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT", help="Such as %d/%m/%Y %H:%M.", show_default="ISO 8601", rich_help_panel=PANEL
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        help="Encoding of a CSV file, such as windows-1255.", show_default="UTF-8", rich_help_panel=PANEL
    ),
]
DelimiterOption = Annotated[
    str | None,
    typer.Option(
        help="Between the cells of a CSV file.", show_default="seen in the first row", rich_help_panel=PANEL
    ),
]


def columns_of(
    text: TextOption = "text",
    id: IdOption = None,  # noqa: A002 - the name of the option
    language: LanguageOption = None,
    complexity: ComplexityOption = None,
    negative_sentiment: NegativeSentimentOption = None,
    human_requested: HumanRequestedOption = None,
    time: TimeOption = None,
    group: GroupOption = None,
    domain: DomainOption = None,
    channel: ChannelOption = None,
    cut: CutOption = None,
    time_format: TimeFormatOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
) -> Columns:
    """Return the columns that the options name.

    Raises:
        typer.BadParameter: A cut is not an output and a number.
    """
    return Columns(
        text=text,
        id=id,
        language=language,
        complexity=complexity,
        negative_sentiment=negative_sentiment,
        human_requested=human_requested,
        time=time,
        group=group,
        domain=domain,
        channel=channel,
        cuts=dict(_parse_cut(value) for value in cut or ()),
        time_format=time_format,
        encoding=encoding,
        delimiter="\t" if delimiter in ("\\t", "tab") else delimiter,
    )


def takes_columns(command: Callable[..., Result]) -> Callable[..., Result]:
    """Give a command that has a parameter ``columns: Columns`` the options of ``columns_of`` instead.

    Use it on the function that typer gets; the parameter must be given by keyword.
    """
    return takes_columns_without()(command)


def takes_columns_without(*left_out: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Return what does as ``takes_columns``, but for some parameters of ``columns_of``."""
    every = inspect.signature(columns_of, eval_str=True).parameters
    options = {name: parameter for name, parameter in every.items() if name not in left_out}
    return lambda command: _with_options(command, options)


def _with_options(
    command: Callable[..., Result], options: Mapping[str, inspect.Parameter]
) -> Callable[..., Result]:
    own = inspect.signature(command, eval_str=True).parameters

    @wraps(command)
    def with_options(**arguments: Any) -> Result:
        columns = columns_of(**{name: arguments.pop(name) for name in options})
        return command(**arguments, columns=columns)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*(p for name, p in own.items() if name != "columns"), *options.values())
    ]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def _parse_cut(value: str) -> tuple[str, float]:
    output, _, score = value.partition("=")
    try:
        cut = float(score)
    except ValueError:
        cut = math.nan
    if output in OUTPUTS and math.isfinite(cut):
        return output, cut
    raise typer.BadParameter(
        f"{value!r} is not OUTPUT=SCORE, such as negative_sentiment=3; outputs: {', '.join(OUTPUTS)}",
        param_hint="--cut",
    )
