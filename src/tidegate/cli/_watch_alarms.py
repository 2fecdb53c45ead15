"""The commands of `tidegate watch` about alarms: seen, explained, taken up; who is told of them.

Always: an acknowledgement is the person's whose key it is. Never: an address of a recipient is
printed; what holds them is read from a file or standard input, not from an argument.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Note
from tidegate.cli._store import DEFAULT_STORE, REFUSED_EXIT, AsJson, Store, refusals
from tidegate.cli._times import local_time

if TYPE_CHECKING:
    from tidegate.watch.alerts.testing_ways import Tested

ShopName = Annotated[str, typer.Option("--shop", envvar="TIDEGATE_SHOP", help="the shop's name")]
LOOK_S, FAILED_AFTER = 0.25, 2
FILE_BYTES_MAX = 64 * 1024


@shop_call
def alarms(
    caller: Caller,
    state: Annotated[
        str, typer.Option(help="open, acknowledged or resolved; all where it is left out")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, newest first")] = 20,
) -> None:
    """List alarms, newest first: how bad, who took them up, who was told."""
    query = f"?limit={limit}" + (f"&state={state}" if state else "")
    found = caller.get(caller.path("alarms") + query)
    lines = [alarm_line(alarm, caller.language) for alarm in found["items"]]
    caller.show(found, "\n".join(lines) or "no alarm 没有告警")


@shop_call
def explain(
    caller: Caller,
    alarm: Annotated[str, typer.Argument(help="its number or key")],
) -> None:
    """Explain an alarm: what it saw and expected, the money, what was done, what to do now."""
    found = caller.get(caller.path("alarms", alarm))
    caller.show(found, "\n".join(explained_lines(found, caller.language)))


@shop_command
def ack(
    caller: Caller,
    alarm: Annotated[str, typer.Argument(help="its number or key")] = "",
    until: Annotated[int, typer.Option(min=0, help="every open alarm up to this number")] = 0,
    note: Note = "",
) -> None:
    """Take an alarm up: it is escalated no more. What is stopped stays stopped."""
    if bool(alarm) == bool(until):
        raise WrongUsage("name one alarm, or --until NUMBER for all up to that one")
    caller.again = "the same words: the first person's word stands"
    if until:
        path, body = caller.path("alarms", "acknowledge"), {"until": until, "note": note}
    else:
        path, body = caller.path("alarms", alarm, "acknowledge"), {"note": note}
    found = caller.send("POST", path, body)
    was_new = f"{found['taken']} acknowledged 已确认"
    one = found["alarm"]
    if one is not None and not found["taken"]:
        was_new = f"acknowledged before 此前已确认 {local_time(one['acknowledged_ms'])}"
    caller.show(found, was_new)


def recipients(
    shop: ShopName,
    file: Annotated[
        Path | None, typer.Argument(help="TOML (docs/reference/alerts.md); - = standard input")
    ] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Say who is told of alarms, in which order; without a file: show who that is now."""
    from tidegate.bootstrap.alerting import shop_paths
    from tidegate.watch.alerts.recipients import Recipients, read_recipients, write_recipients

    with refusals():
        secrets = shop_paths(store, shop).secrets
        known: Recipients | None
        if file is None:
            known = read_recipients(secrets)
        else:
            data = sys.stdin.buffer if str(file) == "-" else file.open("rb")
            known = write_recipients(secrets, data.read(FILE_BYTES_MAX + 1).decode())
    if known is None:
        typer.echo("nobody is told 未设置收件人: tidegate watch recipients FILE", err=True)
        raise typer.Exit(REFUSED_EXIT)
    levels = [{"tell": level.tell, "rota": level.rota} for level in known.level]
    kinds = {way: address.partition(":")[0] for way, address in known.ways.items()}
    if as_json:
        typer.echo(json.dumps({"levels": levels, "recipients": known.recipients, "ways": kinds}))
        return
    for number, level in enumerate(known.level, 1):
        turn = f"one of {', '.join(level.rota)} every {level.turn_days} days" if level.rota else ""
        typer.echo(f"{number}: {', '.join(filter(None, (*level.tell, turn)))}")
    for name, ways in known.recipients.items():
        typer.echo(f"  {name}: {', '.join(f'{way} ({kinds[way]})' for way in ways)}")


def tell_a_test(
    shop: ShopName,
    drill: Annotated[
        bool, typer.Option("--drill", help="besides: an alarm, escalated until acknowledged")
    ] = False,
    wait_s: Annotated[float, typer.Option(min=1, max=600, help="how long to wait")] = 60.0,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Tell everybody by every way that this is a test, and show which ways work. Exit 1 if not."""
    from tidegate.bootstrap.alerting import open_outbox
    from tidegate.watch.alerts import testing_ways
    from tidegate.watch.alerts.recipients import read_recipients
    from tidegate.watch.alerts.shown import status_of

    with refusals():
        paths, outbox = open_outbox(store, shop)
        known = read_recipients(paths.secrets)
        if known is None:
            raise ValueError("nobody is told of alarms yet: `tidegate watch recipients FILE`")
        now_ms = time.time_ns() // 1_000_000
        status = status_of(outbox, now_ms)
        if not status.sending:
            raise ValueError("nobody sends: `tidegate serve` does, and tells of alarms meanwhile")
        letter = testing_ways.begin_test(outbox, shop, known, now_ms)
        if drill:
            testing_ways.begin_drill(outbox, now_ms)
        found = waited(lambda: testing_ways.tested(outbox, letter), wait_s)
        outbox.close()
    works = all(one.state == "sent" for one in found)
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in found]))
    else:
        for one in found:
            how = (
                "delivered 已送达" if one.state == "sent" else f"NOT delivered 未送达: {one.fault}"
            )
            typer.echo(f"{one.recipient} by {one.way}: {how}")
        if drill:
            typer.echo("a drill began 演练已开始: `tidegate watch alarms --state open`")
    if not works:
        raise typer.Exit(1)


def waited(look: "Callable[[], list[Tested]]", wait_s: float) -> "list[Tested]":
    """Until every way worked or failed more than once, or time is up."""
    end_s = time.monotonic() + wait_s
    while True:
        found = look()
        done = [one for one in found if one.state == "sent" or one.attempts >= FAILED_AFTER]
        if len(done) == len(found) or time.monotonic() > end_s:
            return found
        time.sleep(LOOK_S)


def alarm_line(alarm: dict[str, Any], language: str) -> str:
    """An alarm in a line."""
    said = alarm["sentence_zh"] if language == "zh" and alarm["sentence_zh"] else alarm["sentence"]
    told = f"step {alarm['step'] + 1}" if alarm["step"] >= 0 else "nobody told 未通知"
    if alarm["state"] == "acknowledged":
        told = f"by {alarm['acknowledged_by']}"
    again = f" ×{alarm['repeats'] + 1}" if alarm["repeats"] else ""
    failed = f" [{alarm['undelivered']} undelivered 未送达]" if alarm["undelivered"] else ""
    return (
        f"{alarm['id']:>5}  {local_time(alarm['opened_ms'])}  {alarm['level']:15}"
        f" {alarm['state']} ({told}){again}{failed}  {said}"
    )


def explained_lines(found: dict[str, Any], language: str) -> list[str]:
    """An alarm in full, for a terminal."""
    here, alarm = ("zh" if language == "zh" else "en"), found["alarm"]
    lines = [alarm_line(alarm, language), ""]
    lines.append(f"means 含义: {found['means'][here]}")
    if found["expected"][here]:
        lines.append(f"judged 判断: {found['expected'][here]}")
    lines.append(f"at stake 涉及金额: {alarm['money_fen'] / 100:,.2f} yuan 元")
    if alarm["first_order"]:
        lines.append(f"first order 首单 (keyed hash): {alarm['first_order']}")
    numbers = ", ".join(f"{name} {value}" for name, value in found["numbers"].items())
    lines.append(f"numbers 数据: {numbers}")
    switch = found["breaker"]
    if switch is not None:
        force = (
            "in force 已生效" if switch["in_force"] else f"NOT in force 未生效 {switch['fault']}"
        )
        lines.append(
            f"breaker 熔断: {switch['scope']} {switch['subject']} {switch['phase']}, {force}"
        )
        lines += [
            f"  {local_time(line['at_ms'])}  {line['phase']} ({line['level']}): {line['why']}"
            for line in switch["history"]
        ]
    lines += ["", "told 通知:"]
    for one in found["messages"]:
        how = one["state"] if not one["fault"] else f"{one['state']}, {one['fault']}"
        lines.append(
            f"  {one['kind']} step {one['step'] + 1}: {one['recipient']} by {one['way']}:"
            f" {how} (tried {one['attempts']} times, key {one['key']})"
        )
    for line in found["history"]:
        who = " ".join(filter(None, (line["told"], line["person"], line["note"])))
        lines.append(f"  {local_time(line['at_ms'])}  {line['what']}  {who}".rstrip())
    lines += ["", "what to do now 现在可做:"]
    lines += [f"  - {one[here]}" for one in found["advice"]]
    return lines


COMMANDS: dict[str, Callable[..., None]] = {
    "alarms": alarms,
    "explain": explain,
    "ack": ack,
    "recipients": recipients,
    "test-alert": tell_a_test,
}
