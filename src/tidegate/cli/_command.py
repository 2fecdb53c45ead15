"""What every command that asks a server shares: its options, its ids, its words, how it ends.

Always: exit status 0 = done, 1 = refused (nothing changed), 2 = wrongly given, no server, or not
known to be decided; `--json` puts one JSON document on standard output, a refusal's too, and words
for people go to standard error. Never: a key among the options.
"""

import functools
import inspect
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from tidegate.cli._advice import language_of_terminal, problem_line
from tidegate.cli._client import (
    DEFAULT_SERVER,
    Client,
    Refused,
    Request,
    Unanswered,
    WrongUsage,
    address_of,
    new_id,
    path_of,
    read_key,
)
from tidegate.cli._store import AsJson

REFUSED_EXIT = 1
UNANSWERED_EXIT = 2
START_IT = "What to do: start it (`tidegate serve`), or set TIDEGATE_SERVER"

Server = Annotated[
    str, typer.Option("--server", envvar="TIDEGATE_SERVER", help="the server's address")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", envvar="TIDEGATE_KEY_FILE", help="holds your key; default: TIDEGATE_KEY"
    ),
]
Shop = Annotated[
    str, typer.Option("--shop", envvar="TIDEGATE_SHOP", help="default: the only one there is")
]
Id = Annotated[
    str, typer.Option("--id", help="default: a new one; a command with the same id counts once")
]

P = ParamSpec("P")
Body = Mapping[str, Any]


class Caller:
    """Whoever gave the command: which server and shop, under which id, and how to be told."""

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        key_file: Path | None = None,
        as_json: bool = False,
        shop: str = "",
        command_id: str = "",
    ) -> None:
        self.as_json = as_json
        self.language = language_of_terminal()
        self.id = command_id
        self.changes = False  # what was sent was no mere question
        self.again = ""  # how to repeat it, where that counts once
        self._server = server
        self._key_file = key_file
        self._shop = shop

    def at(self, shop: str) -> "Caller":
        """The same caller, asking about that shop."""
        return Caller(self._server, self._key_file, self.as_json, shop)

    @functools.cached_property
    def client(self) -> Client:
        """The API with the caller's key."""
        return self._client(read_key(self._key_file))

    @functools.cached_property
    def anyone(self) -> Client:
        """The API without a key, for what is open to everybody."""
        return self._client("")

    def _client(self, key: str) -> Client:
        return Client(address_of(self._server), key, self.language, self.say)

    @functools.cached_property
    def shop(self) -> str:
        """The shop that was named, or the only one of the server. Raises WrongUsage."""
        if self._shop:
            return self._shop
        answer = self.anyone.ask(Request("GET", "/ready"), patience_s=0)
        names = [shop["shop"] for shop in answer.document().get("shops", ())]
        if len(names) == 1:
            return str(names[0])
        there = ", ".join(names) or "none yet (`tidegate shop create`)"
        raise WrongUsage(f"which shop? Give --shop or TIDEGATE_SHOP; there are: {there}")

    def path(self, *segments: str) -> str:
        """A path below the shop."""
        return path_of("v1", "shops", self.shop, *segments)

    # -- asking -----------------------------------------------------------------------------------

    def get(self, path: str) -> Any:  # noqa: ANN401  JSON
        """What the server says there."""
        return self.client.call(Request("GET", path))

    def send(self, method: str, path: str, body: Body, *, has_id: bool = True) -> Any:  # noqa: ANN401  JSON
        """Send a body, fields that are None left out; with an id it counts once."""
        self.changes = True
        given = {name: value for name, value in body.items() if value is not None}
        # What is not UTF-8 goes as it is: the server refuses it, nothing is replaced on the way.
        data = json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return self.client.call(Request(method, path, data, is_repeatable=has_id))

    def give(self, method: str, path: str, body: Body, english: str, chinese: str) -> None:
        """Give a command under the caller's id, and tell what came of it."""
        self.name_it(self.id or new_id())
        self.told(self.send(method, path, {"id": self.id, **body}), english, chinese)

    def name_it(self, command_id: str) -> None:
        """The id under which this counts once."""
        self.id, self.again = command_id, f"--id {command_id}"

    def put(self, path: str, body: Body, english: str, chinese: str) -> None:
        """Say how something is from now on."""
        self.give("PUT", path, body, english, chinese)

    def post(self, path: str, body: Body, english: str, chinese: str) -> None:
        """Have something done."""
        self.give("POST", path, body, english, chinese)

    # -- telling ----------------------------------------------------------------------------------

    def told(self, answer: Body, english: str, chinese: str) -> None:
        """What was decided, in a line: what, where it stands on record, under which id."""
        notes = [f"entry {answer['seq']}", f"id {answer['id']}"]
        if answer.get("duplicate"):
            notes.append("given before, counted once 重复命令，只计一次")
        if answer.get("shortfall"):
            notes.append(f"shortfall 缺口 {answer['shortfall']}")
        self.show(answer, f"{english} · {chinese} ({', '.join(notes)})")

    def show(self, document: object, text: str) -> None:
        """A document as JSON, or its words."""
        typer.echo(json.dumps(document, ensure_ascii=False) if self.as_json else text)

    def say(self, text: str) -> None:
        """Something for people only."""
        typer.echo(f"tidegate: {text}", err=True)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Turn everything that may come of asking into one line and an exit status."""
        try:
            yield
        except Refused as error:
            if self.as_json:
                typer.echo(json.dumps(error.problem, ensure_ascii=False))
            typer.echo(problem_line(error.problem, self.language), err=True)
            raise typer.Exit(REFUSED_EXIT) from None
        except WrongUsage as error:
            self.say(str(error))
        except Unanswered as error:
            self.say(f"{error}. {self._next_step(error.was_sent)}")
        except KeyboardInterrupt:
            if not self.changes:
                raise
            self.say(f"interrupted. {self._next_step(was_sent=True)}")
        else:
            return
        raise typer.Exit(UNANSWERED_EXIT)

    def _next_step(self, was_sent: bool) -> str:
        if not was_sent:
            return START_IT
        if not self.changes:
            return "What to do: ask again; if it stays so, look at the server's log"
        if not self.again:
            return "What to do: look how it is now, before you give the command again"
        return f"What to do: repeat it with {self.again}: it counts once 重发只计一次"


Function = Callable[Concatenate[Caller, P], None]

_OF_SERVER: dict[str, tuple[Any, Any]] = {
    "server": (Server, DEFAULT_SERVER),
    "key_file": (KeyFile, None),
    "as_json": (AsJson, False),
}
_OF_SHOP: dict[str, tuple[Any, Any]] = {"shop": (Shop, ""), **_OF_SERVER}
_OF_COMMAND: dict[str, tuple[Any, Any]] = {"command_id": (Id, ""), **_OF_SHOP}


def server_call(function: Function[P]) -> Callable[..., None]:
    """A command that asks the server as a whole: its options are added."""
    return _with_options(function, _OF_SERVER)


def shop_call(function: Function[P]) -> Callable[..., None]:
    """A command that asks about a shop: `--shop` as well."""
    return _with_options(function, _OF_SHOP)


def shop_command(function: Function[P]) -> Callable[..., None]:
    """A command that changes a shop: `--id` as well."""
    return _with_options(function, _OF_COMMAND)


def _with_options(
    function: Function[P], options: Mapping[str, tuple[Any, Any]]
) -> Callable[..., None]:
    """The function with a Caller made of these options in front. Typer reads the new signature."""
    command: Callable[..., None] = function
    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]
    parameters = [parameter.replace(kind=keyword) for parameter in own] + added

    @functools.wraps(function)
    def run(**given: Any) -> None:  # noqa: ANN401  whatever the command takes
        show_every_sign()
        caller = Caller(**{name: given.pop(name) for name in options})
        with caller.ending():
            command(caller, **given)

    signed: Any = run
    signed.__signature__ = inspect.Signature(parameters)
    signed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def show_every_sign() -> None:
    """A terminal that cannot show Chinese must not end a command that was decided."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
