"""What a command does when there is no plain answer: busy, lost, restarted, not Tidegate at all.

A scripted server stands in here, because a real one cannot be made to answer so; the clock is
injected and nobody sleeps.
"""

import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import typer
from typer._click import Command, Context
from typer.core import TyperGroup
from typer.testing import CliRunner

from tidegate.cli import channel, events, rule
from tidegate.cli._advice import ADVICE
from tidegate.cli._client import (
    Address,
    Client,
    NotReached,
    Refused,
    Request,
    Unanswered,
    WrongUsage,
    address_of,
    new_id,
    path_of,
    read_key,
)
from tidegate.cli.main import app, installed_commands
from tidegate.demo.server import free_port
from tidegate.domain.reasons import REASON_TEXTS
from tidegate.http import schemas
from tidegate.http.errors import KINDS
from tidegate.people.filter import find_in_id


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPTED = beside("command_line_scripted")
KEY, LOST, BUSY, Times = SCRIPTED.KEY, SCRIPTED.LOST, SCRIPTED.BUSY, SCRIPTED.Times
scripted, answer, problem = SCRIPTED.scripted, SCRIPTED.answer, SCRIPTED.problem
DONE = {"id": "x", "reason": "accepted", "seq": 12}


def run(address: str, *arguments: str, code: int) -> tuple[str, str]:
    """A command against the scripted server: what it wrote."""
    env = {"TIDEGATE_SERVER": address, "TIDEGATE_KEY": KEY, "TIDEGATE_SHOP": "own", "LC_ALL": "C"}
    found = CliRunner().invoke(app, arguments, env=env)
    assert found.exit_code == code, found.output
    assert KEY not in found.output
    return found.stdout, found.stderr


# -- asked again ---------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_with_the_same_request() -> None:
    times = Times()
    request = Request("POST", "/v1/shops/own/pause", b'{"id": "p-1"}')
    with scripted(BUSY, LOST, answer(200, DONE)) as (server, address):
        assert times.client(address).call(request) == DONE
    assert server.asked == [("POST", request.path, request.body, f"Bearer {KEY}")] * 3
    assert times.slept_s == [2.0, 1.0]
    assert times.said == [
        "the inbox is full: asking again in 2 s",
        "the connection was lost: asking again in 1 s",
    ]


def test_patience_ends_with_what_was_said_last() -> None:
    times = Times()
    with (
        scripted(*[BUSY] * 11) as (server, address),
        pytest.raises(Unanswered, match=r"^busy: the inbox is full$") as raised,
    ):
        times.client(address).call(Request("GET", "/x"))
    assert raised.value.was_sent
    assert (len(server.asked), times.slept_s) == (11, [2.0] * 10)


def test_a_wait_is_never_longer_than_five_seconds_nor_shorter_than_one() -> None:
    times = Times()
    waits = (b"600", b"0", b"soon")
    script = [BUSY.replace(b"Retry-After: 2", b"Retry-After: " + wait) for wait in waits]
    with scripted(*script, answer(200, DONE)) as (_, address):
        times.client(address).call(Request("GET", "/x"))
    assert times.slept_s == [5.0, 1.0, 1.0]


def test_what_would_count_twice_is_not_sent_twice() -> None:
    times = Times()
    request = Request("POST", "/v1/shops/own/exceptions", b"{}", is_repeatable=False)
    with (
        scripted(LOST, answer(200, DONE)) as (server, address),
        pytest.raises(Unanswered, match=r"^the connection was lost before the answer$") as raised,
    ):
        times.client(address).call(request)
    assert (len(server.asked), raised.value.was_sent) == (1, True)


def test_nobody_there_is_said_at_once_but_waited_for_once_something_was_sent() -> None:
    times = Times()
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unanswered, match=rf"^no server at {nobody} \(connection refused\)$") as no:
        times.client(nobody).call(Request("GET", "/x"))
    assert (no.value.was_sent, times.slept_s) == (False, [])
    with scripted(LOST) as (_, address):
        client = times.client(address)

        def gone_meanwhile(seconds: float) -> None:
            times.sleep(seconds + 9)
            client.address = address_of(nobody)

        client.sleep = gone_meanwhile
        with pytest.raises(Unanswered, match=r"\(connection refused\)$") as lost:
            client.call(Request("GET", "/x"))
    assert (lost.value.was_sent, times.slept_s) == (True, [10.0, 10.0])
    assert times.said == [
        "the connection was lost: asking again in 1 s",
        f"no server at {nobody} (connection refused): asking again in 1 s",
    ]


# -- how a command ends --------------------------------------------------------------------------


def test_a_lost_answer_names_the_id_to_repeat_it_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.cli._client.RETRY_S", 60.0)
    with scripted(LOST) as (server, address):
        out, err = run(address, "pause", code=2)
    sent = json.loads(server.asked[0][2])
    assert re.fullmatch(r"cli-[bcdfghjkmnpqrstvwxz]{16}", sent["id"])
    assert out == ""
    assert err == (
        f"tidegate: the connection was lost. What to do: repeat it with --id {sent['id']}: "
        "it counts once 重发只计一次\n"
    )
    waits = {"proposals": [{"proposal": "0" * 32, "content": {}}]}
    with scripted(answer(200, json.dumps(waits).encode()), LOST) as (_, address):
        _, err = run(address, "exception", "withdraw", "0" * 32, code=2)
    assert err == (
        "tidegate: the connection was lost before the answer. What to do: look how it is now, "
        "before you give the command again\n"
    )


def test_an_error_of_the_server_is_no_refusal() -> None:
    with scripted(problem(500, "internal", 1015, "an error of ours")) as (_, address):
        _, err = run(address, "pause", "--id", "p-7", code=2)
    assert err == (
        "tidegate: internal: an error of ours. What to do: repeat it with --id p-7: it counts once "
        "重发只计一次\n"
    )
    with scripted(problem(500, "internal", 1015, "an error of ours")) as (_, address):
        _, err = run(address, "metrics", code=2)
    assert err == (
        "tidegate: internal: an error of ours. What to do: ask again; if it stays so, look at the "
        "server's log\n"
    )


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_not_tidegates_is_named(status: int) -> None:
    with scripted(answer(status, b"<h1>hello</h1>", kind="text/html")) as (_, address):
        _, err = run(address, "stock", "available", "A", "--channel", "web", code=2)
    assert err == (
        f"tidegate: the answer ({status}, text/html) is not one of Tidegate's: look whether "
        "TIDEGATE_SERVER is right. What to do: ask again; if it stays so, look at the server's "
        "log\n"
    )


def test_status_ends_with_1_while_a_shop_takes_no_orders_and_shows_why() -> None:
    shop = {"shop": "own", "ready": False, "why": "the clock moved 400 s", "seq": 7, "epoch": 2,
            "inbox": 3, "views_seq": 5, "views_lag_entries": 2, "watch_silent_ms": 9_000,
            "watch_lag_entries": 4, "breaker_open": 1}  # fmt: skip
    with scripted(answer(503, {"ready": False, "shops": [shop]})) as (server, address):
        out, err = run(address, "status", code=1)
    assert err == ""
    assert out == (
        "own: takes no orders 暂停接单: the clock moved 400 s (entry 7, epoch 2, 3 waiting, "
        "views 2 entries behind, the watch said nothing for 9 s 监视无响应, "
        "breaker open 熔断 1: `tidegate watch breaker`)\n"
    )
    assert [key for *_, key in server.asked] == [""]
    with scripted(answer(200, {"ready": True, "shops": []})) as (_, address):
        assert run(address, "status", code=0)[0] == (
            "no shop yet 尚无店铺: tidegate shop create NAME\n"
        )


def test_what_a_count_leaves_short_is_said() -> None:
    with scripted(answer(200, DONE | {"shortfall": 4})) as (_, address):
        out, _ = run(address, "stock", "count", "A", "3", code=0)
    assert out == (
        "3 units of A counted in shared · A 盘点 3 件（shared） "
        "(entry 12, id x, shortfall 缺口 4)\n"
    )


# -- events --------------------------------------------------------------------------------------


def stream(*told: tuple[int, str], cut: bool = False) -> bytes:
    """Events as the server sends them; `cut` = the connection breaks in the last one."""
    text = ": tidegate\n\n" + "".join(
        f'id: {seq}\nevent: {name}\ndata: {{"n": {at}}}\n\n' for at, (seq, name) in enumerate(told)
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    return head + (text[:-2] if cut else text).encode()


def followed(*script: bytes, after: int | None, count: int) -> tuple[list[Any], list[str], Times]:
    """The first events of scripted streams, and what was asked for."""
    times = Times()
    with scripted(*script) as (server, address):
        found = events.followed(times.client(address), "/e", after)
        told = [next(found) for _ in range(count)]
        found.close()  # type: ignore[attr-defined]  a generator
    return told, [path for _, path, *_ in server.asked], times


def test_events_go_on_after_a_cut_without_one_told_twice_or_missing() -> None:
    told, asked, times = followed(
        stream((11, "order"), (13, "order"), (13, "order"), (13, "order"), cut=True),
        stream((13, "order"), (13, "order"), (13, "order"), (14, "command")),
        after=10,
        count=5,
    )
    assert [(event.seq, event.data["n"]) for event in told] == [
        (11, 0), (13, 1), (13, 2), (13, 2), (14, 3)
    ]  # fmt: skip
    assert asked == ["/e?after=10", "/e?after=12"]
    assert (times.said, times.slept_s) == (["the stream ended: following on"], [1.0])


def test_entries_that_were_skipped_are_not_asked_for_again() -> None:
    told, asked, _ = followed(
        stream((11, "order"), (20, "skipped")),
        stream((21, "order"), (21, "order")),
        after=10,
        count=4,
    )
    assert [(event.seq, event.name) for event in told] == [
        (11, "order"), (20, "skipped"), (21, "order"), (21, "order")
    ]  # fmt: skip
    assert asked == ["/e?after=10", "/e?after=20"]


def test_a_server_that_stays_away_ends_the_following() -> None:
    times = Times()
    with scripted(stream((11, "order"))) as (_, address):
        found = events.followed(times.client(address), "/e", None)
        assert next(found).seq == 11
    with pytest.raises(Unanswered, match=r"\(connection refused\), 30 times$"):
        next(found)
    assert times.slept_s == [1.0] * 30
    with pytest.raises(Unanswered, match=r"\(connection refused\)$"):
        next(events.followed(times.client(f"http://127.0.0.1:{free_port()}"), "/e", None))


def test_a_refused_stream_is_a_refusal() -> None:
    with (
        scripted(problem(403, "not_permitted", 1003, "no")) as (_, address),
        pytest.raises(Refused),
    ):
        next(events.followed(Times().client(address), "/e", None))


def test_skipped_events_and_repeats_are_said() -> None:
    text = {"en": "entries 3 to 5 were skipped", "zh": "x"}
    skipped = events.Event(5, "skipped", {"from_seq": 3, "to_seq": 5, "text": text})
    assert events.event_text(skipped) == "5  skipped  entries 3 to 5 were skipped"
    data = {"reason": "accepted", "reason_number": 0, "duplicate": True, "channel": "jd",
            "lines": [{"sku": "A", "quantity": 2}], "judgement": ["stock_short"]}  # fmt: skip
    assert events.event_text(events.Event(6, "sale", data)) == (
        "6  sale  accepted (0)  jd  A x 2  kept from release 暂不放行: stock_short  again 重复"
    )


# -- addresses, keys, ids ------------------------------------------------------------------------


def test_addresses() -> None:
    assert address_of("https://desk.example") == Address("https", "desk.example", None)
    assert str(address_of("http://[::1]:8080/")) == "http://[::1]:8080"
    for text in ("", "ftp://a", "http://", "http://a/b", "http://a:x", "http://a b", "http://a?b"):
        with pytest.raises(WrongUsage):
            address_of(text)


def test_a_host_that_cannot_be_is_a_server_that_is_not_there() -> None:
    client = Client(Address("http", "a" * 70, 80), "", "en", print)
    with pytest.raises(NotReached, match=r"^no server at http://a{70}:80 \("):
        client._once(Request("GET", "/"))


def test_paths_are_quoted() -> None:
    assert path_of("v1", "茶 1", "a/b?c#d") == "/v1/%E8%8C%B6%201/a%2Fb%3Fc%23d"


def test_a_key_file_that_holds_no_key_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(f"  {KEY}\n", "utf-8")
    assert read_key(file) == KEY
    for text in ("secret words", KEY + "\r\nX: 1", "", KEY.replace("B", "é"), "\xff" * 9_000):
        file.write_text(text, "utf-8")
        with pytest.raises(WrongUsage, match=r"^--key-file: that is no key of Tidegate"):
            read_key(file)
    monkeypatch.setenv("TIDEGATE_KEY", KEY)
    assert read_key(None) == KEY


def test_ids_are_new_and_never_look_like_personal_data() -> None:
    made = [new_id() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert [found for text in made if (found := find_in_id(text))] == []


# -- the commands as a whole ---------------------------------------------------------------------


def all_commands(command: Command, context: Context) -> Iterator[tuple[str, Command]]:
    """Every command with its full name."""
    if not isinstance(command, TyperGroup):
        yield context.command_path, command
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from all_commands(child, Context(child, info_name=name, parent=context))


ROOT = typer.main.get_command(app)
COMMANDS = dict(all_commands(ROOT, Context(ROOT, info_name="tidegate")))


def options_of(command: Command) -> set[str]:
    """The options of a command."""
    return {name for param in command.params for name in param.opts if name.startswith("--")}


def test_every_command_that_asks_a_server_takes_the_same_options_and_no_key() -> None:
    asking = {name: options_of(c) for name, c in COMMANDS.items() if "--server" in options_of(c)}
    assert len(asking) == 128
    shared = {"--server", "--key-file", "--json"}
    assert {name for name, options in asking.items() if not shared <= options} == set()
    assert {n for n, o in asking.items() if "--shop" not in o} == {
        "tidegate metrics", "tidegate status",
    }  # fmt: skip
    assert {name for name, command in COMMANDS.items() if "--key" in options_of(command)} == set()


def test_advice_is_for_reasons_that_exist_and_names_commands_that_exist() -> None:
    reasons = {text.name for text in REASON_TEXTS.values()} | {kind.name for kind in KINDS}
    assert set(ADVICE) - reasons == set()
    for advice in ADVICE.values():
        for sentence in advice:
            for named in re.findall(r"`(tidegate [a-z ]+[a-z])", sentence):
                assert named in COMMANDS or named.split()[1] in installed_commands(), named
                assert any(name.startswith(named) for name in COMMANDS), named


@pytest.mark.parametrize(
    ("choices", "body", "field"),
    [
        (channel.ChannelKind, schemas.Channel, "kind"),
        (rule.Scope, schemas.Rule, "scope"),
        (rule.Basis, schemas.Rule, "basis"),
        (rule.Window, schemas.Rule, "window"),
    ],
)
def test_choices_are_the_servers(choices: Sequence[str], body: type, field: str) -> None:
    assert get_args(choices) == get_args(body.__annotations__[field])
