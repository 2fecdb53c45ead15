"""`tidegate people message`: ways out, templates, sending, what is unknown.

A way out is described beside the server, with its secret in the shop's secrets; all else goes
through the server and its gate.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._persons import Person, person_body
from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Messages to persons, through the gate.", no_args_is_help=True)

ShopName = Annotated[str, typer.Option("--shop", envvar="TIDEGATE_SHOP", help="which shop")]
Template = Annotated[str, typer.Argument(help="the template's name")]
Channel = Annotated[str, typer.Option(help="as the notice names it")]
Values = Annotated[
    list[str] | None, typer.Option("--value", metavar="NAME=VALUE", help="repeat for several")
]
Language = Annotated[str, typer.Option(help="zh-CN or en")]


@app.callback()
def message() -> None:
    """Messages to persons, through the gate · 消息."""


@app.command()
def connect(
    channel: Annotated[str, typer.Argument(help="as the notice names it")],
    shop: ShopName,
    kind: Annotated[str, typer.Option(help="smtp, webhook or files")],
    settings: Annotated[str, typer.Option(help="JSON: docs/reference/messages.md")],
    field: Annotated[str, typer.Option(help="which field has the address")],
    per_minute: Annotated[int, typer.Option(min=1, max=60_000, help="at most so many")] = 60,
    secret_file: Annotated[
        Path | None, typer.Option(help="the password (smtp); a webhook's key is made")
    ] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Say how a channel's messages leave; a webhook's key is shown the first time."""
    from tidegate.bootstrap.people import put_way_out

    with refusals():
        given = secret_file.read_text("utf-8").strip() if secret_file is not None else ""
        key = put_way_out(
            store, shop, channel, kind, json.loads(settings), field, per_minute, given,
            os.urandom,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"channel": channel, "kind": kind, "key": key}))
        return
    typer.echo(f"{channel}: by {kind}, {per_minute} a minute · 已设置")
    if key:
        typer.echo(f"its key, shown this once (hex) 密钥仅显示一次: {key}")


@app.command()
@shop_call
def template(
    caller: Caller, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
) -> None:
    """Put a template on record (YAML or JSON); advertising in a transactional one is refused."""
    import yaml

    try:
        document: Any = yaml.safe_load(file.read_text("utf-8"))
        name = str(document["template"])
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError) as wrong:
        raise WrongUsage(f"{file}: a template has the field `template` ({wrong})") from None
    path = caller.path("people", "templates", name)
    made = caller.send("PUT", path, {"document": document}, has_id=False)
    caller.show(made, f"template {name} version {made['version']} · 模板已登记")


@app.command()
@shop_command
def send(
    caller: Caller,
    person: Person,
    template: Template,
    channel: Channel,
    value: Values = None,
    language: Language = "zh-CN",
) -> None:
    """Send one message, if it is lawful now and when it leaves."""
    caller.name_it(caller.id or new_key())
    body = {
        "id": caller.id, "person": person_body(person), "template": template, "channel": channel,
        "language": language, "values": values_of(value),
    }  # fmt: skip
    made = caller.send("POST", caller.path("people", "messages"), body)
    caller.show(made, f"message {made['number']} {made['state']} · 已排队 (id {made['id']})")


@app.command()
@shop_command
def push(
    caller: Caller,
    template: Template,
    channel: Channel,
    value: Values = None,
    language: Language = "zh-CN",
) -> None:
    """Send a marketing message to everybody who agreed to its purpose."""
    caller.name_it(caller.id or new_key())
    body = {"id": caller.id, "template": template, "channel": channel, "language": language,
            "values": values_of(value)}  # fmt: skip
    made = caller.send("POST", caller.path("people", "pushes"), body)
    decided = ", ".join(f"{reason} {count}" for reason, count in made["decided"].items()) or "-"
    caller.show(made, f"{made['asked']} asked about 人: {decided} (id {made['id']})")


@app.command("list")
@shop_call
def list_(
    caller: Caller,
    state: Annotated[str, typer.Option(help="queued, sent, unknown, stopped ...")] = "unknown",
) -> None:
    """List messages in one state; without --state those whose fate is unknown."""
    found = caller.get(caller.path("people", "messages") + f"?state={state}")
    lines = [
        f"{one['number']}  {one['template']}  {one['channel']}  {one['state']}  {one['reason']}"
        for one in found["messages"]
    ]
    lines.append("  ".join(f"{name} {count}" for name, count in found["counts"].items()))
    caller.show(found, "\n".join(lines))


@app.command()
@shop_command
def resolve(
    caller: Caller,
    number: int,
    resolution: Annotated[str, typer.Argument(help="sent, again or drop")],
) -> None:
    """Say what became of a message whose fate is unknown: a person looked."""
    path = caller.path("people", "messages", str(number), "resolve")
    made = caller.send("POST", path, {"resolution": resolution})
    caller.show(made, f"message {number} {made['state']} · 已处理")


@app.command()
@shop_command
def unsubscribe(
    caller: Caller, message: Annotated[str, typer.Argument(help="its id, as it was sent under")]
) -> None:
    """Whoever got this marketing message wants no more: end their consent to its purpose."""
    path = caller.path("people", "messages:unsubscribe")
    made = caller.send("POST", path, {"message": message})
    caller.show(made, f"no more {made['purpose']} · 已退订")


def values_of(pairs: list[str] | None) -> dict[str, str]:
    """NAME=VALUE pairs. Raises WrongUsage."""
    values = dict(one.partition("=")[::2] for one in pairs or ())
    if len(values) != len(pairs or ()) or not all("=" in one for one in pairs or ()):
        raise WrongUsage("--value NAME=VALUE, each name once")
    return values


def new_key() -> str:
    """An id that nobody had."""
    from tidegate.cli._client import new_id

    return new_id()
