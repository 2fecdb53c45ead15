"""`tidegate people rights`: requests about one's own data, step by step to their end.

Each step is the privacy officer's and on record. A document with a person's data goes to standard
output or a file for that person, and is kept nowhere else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._people_vault import FromFile, Person, document, given
from tidegate.people.rights.answers import as_html

app = typer.Typer(help="Requests of persons about their data.", no_args_is_help=True)

Request = Annotated[str, typer.Argument(help="the request's id")]


def told(caller: Caller, request: Mapping[str, Any]) -> None:
    """A request in a line."""
    end = f"ended {request['ended']}" if request["ended"] else f"due {request['due']}"
    caller.show(request, f"{request['id']}  {request['kind']}  {request['state']}  {end}")


def step(caller: Caller, request: str, way: str, body: Mapping[str, Any]) -> None:
    """Move a request."""
    path = caller.path("rights", request, way)
    told(caller, caller.send("POST", path, body, has_id=False))


@app.command("open")
@shop_command
def open_(
    caller: Caller,
    person: Person,
    kind: Annotated[
        str,
        typer.Argument(
            help="access, copy, move, correct, delete, restrict, lift, explain, complain,"
            " or kin.access, kin.copy, kin.correct, kin.delete"
        ),
    ],
    asked_by: Annotated[str, typer.Option(help="self, kin, guardian or agent")] = "self",
    text: Annotated[Path | None, typer.Option(help="what was asked for in words: a file")] = None,
) -> None:
    """Take a request in; its deadline is counted in China's working days."""
    caller.name_it(caller.id or f"right-{person}-{kind}")
    body = {
        "id": caller.id, "person": person, "kind": kind, "asked_by": asked_by,
        "text": text.read_text("utf-8") if text is not None else "",
    }  # fmt: skip
    told(caller, caller.send("POST", caller.path("rights"), body))


@app.command("list")
@shop_call
def list_(caller: Caller, state: str = "open") -> None:
    """Requests, the most urgent first."""
    found = caller.get(f"{caller.path('rights')}?state={state}")
    lines = [
        f"{one['id']}  {one['kind']}  {one['state']}  due {one['due']}" for one in found["items"]
    ]
    caller.show(found, "\n".join(lines) or "none · 无")


@app.command()
@shop_call
def get(caller: Caller, request: Request) -> None:
    """One request with its outcome."""
    found = caller.get(caller.path("rights", request))
    caller.show(found, "\n".join(f"{name}: {value}" for name, value in found.items()))


@app.command()
@shop_call
def identify(
    caller: Caller,
    request: Request,
    proof: Annotated[
        str,
        typer.Argument(
            help="what you saw: account_session, document_seen, called_back, court_order,"
            " kinship_shown"
        ),
    ],
    way: Annotated[str, typer.Option(help="operator: your word")] = "operator",
) -> None:
    """Say how it was shown who asks."""
    step(caller, request, "identify", {"way": way, "proof": proof})


@app.command()
@shop_call
def code(caller: Caller, request: Request, channel: str) -> None:
    """Send the person a one-time code; `identify --way code CODE` takes it."""
    step(caller, request, "code", {"channel": channel})


@app.command()
@shop_call
def refuse(caller: Caller, request: Request, ground: str, reason: str) -> None:
    """Refuse, with a ground of the list and a reason for the person."""
    step(caller, request, "refuse", {"ground": ground, "reason": reason})


@app.command()
@shop_call
def withdraw(caller: Caller, request: Request) -> None:
    """The person takes it back."""
    step(caller, request, "withdraw", {})


@app.command()
@shop_call
def show(
    caller: Caller,
    request: Request,
    to: Annotated[Path | None, typer.Option(help="a new file, .html to print")] = None,
) -> None:
    """The person's own data: access, copy, move."""
    made = caller.send("POST", caller.path("rights", request, "show"), {}, has_id=False)
    if to is None:
        caller.show(made, as_html("个人信息副本", made))
        return
    import json

    content = (
        as_html("个人信息副本", made)
        if to.suffix == ".html"
        else json.dumps(made, ensure_ascii=False, indent=2)
    )
    write_new(to, content.encode())
    caller.show({"file": str(to)}, f"{to}: give it to the person, then delete it · 交付后请删除")


@app.command()
@shop_call
def correct(caller: Caller, request: Request, source: FromFile = None) -> None:
    """Put right what is wrong: JSON as `vault put` takes it."""
    step(caller, request, "correct", {"values": document(given(source))})


@app.command()
@shop_call
def restrict(caller: Caller, request: Request) -> None:
    """Only keep this person's data from now on, or lift that."""
    step(caller, request, "restrict", {})


@app.command()
@shop_call
def answer(caller: Caller, request: Request, source: FromFile = None) -> None:
    """Explain, or answer a complaint, in words from a file or standard input."""
    step(caller, request, "answer", {"text": given(source)})


@app.command()
@shop_call
def delete(
    caller: Caller,
    request: Request,
    told_by_person: Annotated[
        Path | None,
        typer.Option("--told", help="JSON: values by field that the vault does not hold"),
    ] = None,
) -> None:
    """Erase everywhere but what a law asks to keep; the outcome is the certificate."""
    body = {"told": document(given(told_by_person)) if told_by_person is not None else {}}
    done = caller.send("POST", caller.path("rights", request, "delete"), body, has_id=False)
    made = done["outcome"]
    caller.show(
        done,
        f"erased: {', '.join(made['erased']) or 'nothing was held'}; kept by law:"
        f" {', '.join(one['law'] for one in made['kept_by_law']) or 'nothing'};"
        f" limit period ends {made['limit_period_end'] or 'now'}, key backups"
        f" {made['key_backups_end'] or 'none'}; complete after {made['complete_after']}",
    )


def write_new(path: Path, content: bytes) -> None:
    """A file that only its owner may read. Raises WrongUsage where there is one."""
    import os

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
