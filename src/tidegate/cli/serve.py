"""`tidegate serve`: the server, until it is told to stop (SIGTERM or Ctrl-C)."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Serve every shop of a store over HTTP and the packed door.")

DEFAULT_STORE = Path(".tidegate")
USAGE_EXIT = 2


@app.command()
def serve(
    store: Annotated[Path, typer.Option(envvar="TIDEGATE_STORE", help="the store's folder")] = (
        DEFAULT_STORE
    ),
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="port to listen on")] = 8080,
    orders_max: Annotated[
        int,
        typer.Option(min=0, help="orders to make room for; 0 = 67 million a shop"),
    ] = 0,
    packed: Annotated[bool, typer.Option(help="open the packed door's Unix socket too")] = True,
    keep_entries: Annotated[
        int,
        typer.Option(min=0, help="entries that stay in each journal; 0 = nothing is archived"),
    ] = 100_000,
    segment_mib: Annotated[
        int, typer.Option(min=1, max=1024, help="size of an archive's files, in MiB")
    ] = 64,
    watch: Annotated[
        bool, typer.Option(help="watch the shops; without, no new promotion goes live")
    ] = True,
    role: Annotated[str, typer.Option(hidden=True)] = "both",
) -> None:
    """Serve every shop of a store until told to stop; orders in flight are answered."""
    from tidegate.bootstrap.roles import ServeSettings, serve  # other commands start fast
    from tidegate.cli._logs import set_up_logs

    set_up_logs()
    settings = ServeSettings(
        store, host, port, packed, orders_max, keep_entries, segment_mib, watch
    )
    try:
        code = serve(settings, role)
    except Exception as error:
        from tidegate.bootstrap import Unusable  # loads what the supervisor does without

        if not isinstance(error, Unusable.KINDS):
            raise
        typer.echo(f"tidegate: {error}", err=True)
        raise typer.Exit(USAGE_EXIT) from None
    raise typer.Exit(code)
