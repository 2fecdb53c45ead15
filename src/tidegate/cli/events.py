"""`tidegate events`: follow what a shop decides, as it is decided.

Always goes on where it was after a lost connection, each event once. Ends with Ctrl-C, with the
server's refusal, or after --count.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from tidegate.cli._client import RETRY_S, Client, NotReached, Request, Unanswered
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._times import local_time

app = typer.Typer()

FAILURES_MAX = 30  # one after the other without an event in between
SKIPPED = "skipped"  # ends an entry that will not be told


class Event(NamedTuple):
    """One event of the stream."""

    seq: int
    name: str
    data: dict[str, Any]


@app.command()
@shop_call
def events(
    caller: Caller,
    after: Annotated[int | None, typer.Option(min=0, help="from behind this entry")] = None,
    count: Annotated[int, typer.Option(min=0, help="end after so many; 0 = never")] = 0,
) -> None:
    """Follow every order, operation and command as it is decided. Ctrl-C ends it."""
    told = 0
    try:
        from_seq = newest_seq(caller) if after is None else after
        for event in followed(caller.client, caller.path("events"), from_seq):
            document = {"seq": event.seq, "event": event.name, **event.data}
            caller.show(document, event_text(event))
            told += 1
            if told == count:
                return
    except KeyboardInterrupt:
        return


def newest_seq(caller: Caller) -> int | None:
    """The shop's newest entry now, so that nothing is missed if the connection is lost at once."""
    answer = caller.anyone.ask(Request("GET", "/ready"), patience_s=0)
    shops = {shop["shop"]: shop["seq"] for shop in answer.document()["shops"]}
    return shops.get(caller.shop)


class Place:
    """How far the events were told: behind entry `seq`, and so many of the one that follows it."""

    def __init__(self, seq: int | None) -> None:
        self.seq = seq
        self.told = 0  # an entry has several events, and a connection may end among them

    def move(self, event: Event) -> None:
        """An event was told."""
        if event.name == SKIPPED:
            self.seq, self.told = event.seq, 0
        elif self.seq == event.seq - 1:
            self.told += 1
        else:
            self.seq, self.told = event.seq - 1, 1

    def without_told(self, stream: Iterator[Event]) -> Iterator[Event]:
        """A new stream from behind `seq`, without what was told already."""
        left, entry = self.told, None if self.seq is None else self.seq + 1
        for event in stream:
            if left and event.seq == entry and event.name != SKIPPED:
                left -= 1
            else:
                yield event


def followed(client: Client, path: str, after: int | None) -> Iterator[Event]:
    """Events without end, over as many connections as it takes. Raises Unanswered and Refused."""
    place, failures, was_there = Place(after), 0, False
    while True:
        query = "" if place.seq is None else f"?after={place.seq}"
        try:
            for event in place.without_told(parsed(client.lines(Request("GET", path + query)))):
                place.move(event)
                failures, was_there = 0, True
                yield event
            why = "the stream ended"
        except (NotReached, Unanswered) as error:
            if not was_there:
                raise Unanswered(str(error), was_sent=False) from None
            why = str(error)
        except (OSError, http.client.HTTPException):
            why = "the connection was lost"
        failures += 1
        if failures > FAILURES_MAX:
            raise Unanswered(f"{why}, {FAILURES_MAX} times", was_sent=False)
        client.say(f"{why}: following on")
        client.sleep(RETRY_S)


def parsed(lines: Iterator[bytes]) -> Iterator[Event]:
    """The events in a stream's lines; comments are beats."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def event_text(event: Event) -> str:
    """An event in a line."""
    data = event.data
    parts = [str(event.seq)]
    if "at_ms" in data:
        parts.append(local_time(data["at_ms"]))
    parts.append(event.name)
    if "reason" in data:
        parts.append(f"{data['reason']} ({data['reason_number']})")
    parts += [str(data[name]) for name in ("channel", "fact", "code", "kind") if data.get(name)]
    parts += [f"{line['sku']} x {line['quantity']}" for line in data.get("lines", ())]
    if data.get("judgement"):
        parts.append(f"kept from release 暂不放行: {', '.join(data['judgement'])}")
    if data.get("duplicate"):
        parts.append("again 重复")
    if event.name == SKIPPED:
        parts.append(data["text"]["en"])
    return "  ".join(parts)
