"""`tidegate people vault`: who somebody is, values in and out, what is held.

A value of a person never stands among the arguments, where every user of the machine could read it:
it comes from a file or from standard input.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._persons import Person as Who
from tidegate.cli._persons import person_body

app = typer.Typer(help="Personal values, sealed.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(help="sixteen letters, as `person` gives them")]
Purpose = Annotated[str, typer.Option(help="a purpose of the register")]
Ticket = Annotated[str, typer.Option(help="why now; no personal data")]
FromFile = Annotated[
    Path | None, typer.Option("--from", help="a file; default: standard input", dir_okay=False)
]


def given(source: Path | None) -> str:
    """What stands in a file or comes in. Raises WrongUsage where there is nothing."""
    text = source.read_text("utf-8") if source is not None else sys.stdin.read()
    if not text.strip():
        raise WrongUsage("nothing came in: give a file with --from, or pipe it in")
    return text.strip()


@app.command()
@shop_call
def person(caller: Caller, who: Who) -> None:
    """A person as orders name them: sixteen letters; made where there is nobody yet."""
    body = {"person": person_body(who)}
    found = caller.send("POST", caller.path("persons"), body, has_id=False)
    caller.show(found, found["person"])


@app.command()
@shop_call
def find(
    caller: Caller, field: str, purpose: Purpose, ticket: Ticket = "", source: FromFile = None
) -> None:
    """Who has the value that comes in; nobody is an empty line."""
    body = {"field": field, "value": given(source), "purpose": purpose, "ticket": ticket}
    found = caller.send("POST", f"{caller.path('persons')}:find", body, has_id=False)
    caller.show(found, found["person"])


@app.command()
@shop_call
def put(caller: Caller, person: Person, ticket: Ticket = "", source: FromFile = None) -> None:
    """Take values in: JSON, a list of {"field", "value", "purposes", "item"}."""
    body = {"values": document(given(source)), "ticket": ticket}
    done = caller.send("PUT", caller.path("persons", person, "fields"), body, has_id=False)
    caller.show(done, f"{len(body['values'])} values are held · 已保存")


@app.command()
@shop_call
def read(
    caller: Caller,
    person: Person,
    field: Annotated[list[str], typer.Option(help="repeat for several")],
    purpose: Purpose,
    recipient: Annotated[str, typer.Option(help="who outside the shop receives it")] = "",
    ticket: Ticket = "",
    whole: Annotated[bool, typer.Option(help="not masked")] = False,
) -> None:
    """Values, masked unless --whole; who asked for what is on record first."""
    body = {
        "fields": field, "purpose": purpose, "recipient": recipient, "ticket": ticket,
        "whole": whole,
    }  # fmt: skip
    path = caller.path("persons", person, "readings")
    found = caller.send("POST", path, body, has_id=False)
    caller.show(found, "\n".join(f"{name}  {value}" for name, value in found["values"].items()))


@app.command()
@shop_call
def held(caller: Caller, person: Person) -> None:
    """What is held of a person, why and until when; no values."""
    found = caller.get(caller.path("persons", person, "held"))
    lines = [
        f"{one['name']}  {one['since']}  "
        + ", ".join(f"{name} until {day}" for name, day in one["purposes"].items())
        for one in found["items"]
    ]
    if found["only_kept_since"]:
        lines.append(f"only kept since {found['only_kept_since']} · 仅限存储")
    caller.show(found, "\n".join(lines) or "nothing is held · 无记录")


def document(text: str) -> Any:  # noqa: ANN401  JSON
    """JSON. Raises WrongUsage."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongUsage(f"not JSON: line {error.lineno}, column {error.colno}") from None
