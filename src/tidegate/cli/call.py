"""`tidegate call`: any request of the HTTP API, where no other command fits."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tidegate.cli._client import JSON, Request, WrongUsage, new_id
from tidegate.cli._command import Caller, shop_command

app = typer.Typer()

NDJSON = "application/x-ndjson"
BODY_BYTES_MAX = 8 << 20  # the largest that any route takes
METHODS = ("GET", "PUT", "POST")
IN_PATHS = "/:?&=%+,@"


@app.command()
@shop_command
def call(
    caller: Caller,
    method: Annotated[str, typer.Argument(help="GET, PUT or POST")],
    path: Annotated[str, typer.Argument(help="/v1/... or /health; else below the shop")],
    body: Annotated[str, typer.Option(help="JSON, or @FILE, or - for standard input")] = "",
    ndjson: Annotated[bool, typer.Option("--ndjson", help="the body is one JSON a line")] = False,
) -> None:
    """Send any request (docs/reference/http.md) and print the answer, JSON indented."""
    verb, data = method.upper(), read_body(body)
    if verb not in METHODS:
        raise WrongUsage(f"METHOD: one of {', '.join(METHODS)}")
    own_id = "" if ndjson else id_in(data)
    if caller.id and own_id and own_id != caller.id:
        raise WrongUsage("--id is not the id in the body")
    caller.id = own_id or caller.id or new_id()
    # Without an id in its body a POST may count twice: then it is not sent twice.
    is_repeatable = bool(own_id) or ndjson or verb != "POST"
    caller.changes = verb != "GET"
    caller.again = f"--id {caller.id}" if is_repeatable and not ndjson else ""
    request = Request(
        verb,
        quote(
            path if path.startswith("/") else f"{caller.path()}/{path}",
            safe=IN_PATHS,
            errors="replace",
        ),
        data,
        NDJSON if ndjson else JSON,
        caller.id if not ndjson and verb != "GET" else "",
        is_repeatable,
    )
    found = caller.client.checked(caller.client.ask(request))
    if found.media_type == JSON and not caller.as_json:
        typer.echo(json.dumps(found.document(), ensure_ascii=False, indent=2))
    else:
        typer.echo(found.body.decode(), nl=not found.body.endswith(b"\n"))


def read_body(text: str) -> bytes | None:
    """What is to be sent; None = nothing. Raises WrongUsage."""
    if not text:
        return None
    try:
        if text == "-":
            data = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as opened:
                data = opened.read(BODY_BYTES_MAX + 1)
        else:
            data = text.encode()
    except OSError as error:
        raise WrongUsage(f"--body {text}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(data) > BODY_BYTES_MAX:
        raise WrongUsage(f"--body: at most {BODY_BYTES_MAX} bytes")
    return data


def id_in(data: bytes | None) -> str:
    """The id that a JSON body names, or ""."""
    try:
        document: Any = json.loads(data or b"{}")
    except ValueError:
        raise WrongUsage("--body: that is not JSON") from None
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""
