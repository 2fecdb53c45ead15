"""`tidegate incident`: what happened in a shop, exactly, from its journal 事件台.

Reads beside a running server and changes nothing. Figures are as of the entry that they name.
"""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli._store import DEFAULT_STORE, Store, refusals

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tidegate.incident.evidence import Evidence

app = typer.Typer(help="What happened, exactly 事件台.", no_args_is_help=True)

Shop = Annotated[str, typer.Argument(help="the shop")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Since = Annotated[str, typer.Option("--from", help="a time, as 2026-10-26T00:00:00+08:00")]
Until = Annotated[str, typer.Option("--until", help="a time; not itself included")]
ROWS_MAX = 1_000
SHOWN = 20


@app.command()
def figures(
    shop: Shop,
    store: Store = DEFAULT_STORE,
    since: Since = "",
    until: Until = "",
    channel: Annotated[str, typer.Option(help="only this channel")] = "",
    sku: Annotated[str, typer.Option(help="only orders with this SKU")] = "",
    as_json: AsJson = False,
) -> None:
    """Buyers, orders, units and money, by minute, SKU, channel, promotion, reason, state, size."""
    from tidegate.incident.figures import Scope, analyse

    scope = Scope(_ms(since, 0), _ms(until, 2**53), channel, sku)
    with _opened(store, shop) as (connection, evidence):
        made = analyse(connection, evidence, scope)._asdict()
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False, default=_plain, indent=1))
        return
    for name, value in made.items():
        _show(name, value if isinstance(value, list) else [value])


@app.command(name="what-if")
def what_if(
    shop: Shop,
    after: Annotated[list[int] | None, typer.Option(min=0, help="seconds; repeat")] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What would have been sold below its floor, had it been stopped sooner."""
    from tidegate.incident.figures import first_below_floor
    from tidegate.incident.figures import what_if as asked

    with _opened(store, shop) as (connection, _):
        first = first_below_floor(connection)
        seconds = tuple(after or (1, 3, 10, 60, 300, 1_800))
        found = asked(connection, seconds)
    if as_json:
        told = {"first": first, "caught_after": found}
        typer.echo(json.dumps(told, ensure_ascii=False, default=_plain, indent=1))
    elif first is None:
        typer.echo("nothing was sold below its floor · 没有低于底价的成交")
    else:
        _show("first below floor", [first])
        _show("caught after", found)


@app.command()
def sql(
    shop: Shop,
    question: Annotated[str, typer.Argument(help="one statement; - reads standard input")],
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Ask the tables orders, lines, operations, skus, changes: read only, nobody's name."""
    import duckdb

    from tidegate.incident.figures import rows

    text = typer.get_text_stream("stdin").read() if question == "-" else question
    with _opened(store, shop) as (connection, _):
        try:
            found = rows(connection, text)
        except duckdb.Error as error:
            typer.echo(f"tidegate incident sql: {error}", err=True)
            raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=_plain, indent=1))
    else:
        _show("answer", found, ROWS_MAX)


@contextmanager
def _opened(store: Path, shop: str) -> "Iterator[tuple[DuckDBPyConnection, Evidence]]":
    from tidegate import bootstrap
    from tidegate.incident.evidence import gather
    from tidegate.incident.tables import open_tables

    with refusals(), bootstrap.reading_shop(store, shop) as (journal, _):
        evidence = gather(bootstrap.batches_from(journal, 1))
        connection = open_tables(evidence)
        try:
            yield connection, evidence
        finally:
            connection.close()


def _ms(text: str, otherwise: int) -> int:
    """A time with its zone, in UTC milliseconds."""
    if not text:
        return otherwise
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-10-26T00:00:00+08:00") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: write 2026-10-26T00:00:00+08:00")
    return round(moment.timestamp() * 1000)


def _plain(value: Any) -> str:  # noqa: ANN401 -- what JSON has no form for
    return value.isoformat() + "Z" if isinstance(value, dt.datetime) else str(value)


def _show(title: str, found: list[dict[str, Any]], most: int = SHOWN) -> None:
    from rich.console import Console
    from rich.table import Table

    if not found:
        return
    table = Table(title=title.replace("_", " "), title_justify="left", show_header=len(found) > 1)
    if len(found) == 1:
        for name, value in found[0].items():
            table.add_row(_heading(name), _cell(name, value))
    else:
        for name in found[0]:
            table.add_column(_heading(name), overflow="fold")
        for row in found[:most]:
            table.add_row(*[_cell(name, value) for name, value in row.items()])
    Console().print(table)
    if len(found) > most:
        typer.echo(f"… {len(found) - most} more: --json shows all")


def _heading(name: str) -> str:
    return name.removesuffix("_fen").replace("_", " ") + (" ¥" if name.endswith("_fen") else "")


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 -- as a table has it
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if type(value) is int and name.endswith("_fen"):
        return f"{value // 100:,}.{value % 100:02}" if value >= 0 else f"{value} fen"
    return f"{value:,}" if type(value) is int and not name.endswith("_ms") else str(value)
