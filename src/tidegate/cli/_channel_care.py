"""`tidegate channel` beside a server: alarms, debts, recalls, parked orders, stopping everything.

Always: whoever decides is named, and is an operator of the store. Never: asks a channel, or decides
what the desk decides; whoever serves the shop carries it out.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from tidegate.cli._channel_ledger import Channel, OfChannel, ShopName, ledger_of
from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, Who, actor, opened_access

Note = Annotated[str, typer.Option(help="why; no personal data")]
HOUR_MS = 3_600_000


def now_ms() -> int:
    """Now, as the machine's clock has it."""
    return time.time_ns() // 1_000_000


def told(by: str, store: Path, *roles: str) -> str:
    """Who decides, as the ledger holds it. Refused unless they have one of the roles."""
    from tidegate.access.operators import AccessRefused
    from tidegate.access.roles import Role
    from tidegate.channels.alarms import by_token

    may = Role.ADMINISTRATOR
    for role in roles:
        may |= Role[role.upper()]
    with opened_access(store) as access:
        token = actor(access, by)
        held = next(one.roles for one in access.operators.list_parties() if one.token == token)
        if not held & may:
            raise AccessRefused(f"{by} may not do that: it needs the role {' or '.join(roles)}")
    return by_token(token)


def shown(rows: Sequence[NamedTuple], as_json: bool, line: Callable[[Any], str]) -> None:
    """Rows as JSON, or a line each."""
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], ensure_ascii=False))
        return
    for row in rows:
        typer.echo(line(row))
    typer.echo(f"{len(rows)} in all · 共 {len(rows)} 条")


# -- stopping --------------------------------------------------------------------------------------


def stop(
    shop: ShopName,
    channel: Annotated[str, typer.Argument(help="the channel's code")] = "",
    every: Annotated[bool, typer.Option("--all", help="every connected channel")] = False,
    reason: Note = "",
    by: Annotated[str, typer.Option("--as", help="your name as an operator")] = "",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Stop selling (一键停售) on one channel or --all: audit off, activity, stock 0, delisted."""
    from tidegate.channels.stopping import stop_some

    with ledger_of(store, shop) as ledger:
        if bool(channel) == every:
            raise ValueError("name a channel, or say --all")
        try:
            found = stop_some(ledger, channel or None, reason, by, now_ms())
        except LookupError as missing:
            raise ValueError(str(missing)) from None
    if as_json:
        typer.echo(json.dumps(found._asdict()))
        return
    for name in found.now:
        typer.echo(f"{name} is being stopped: `tidegate channel status` · 正在停售 {name}")
    for name in found.before:
        typer.echo(f"{name} was stopped already · {name} 已停售")


def resume(
    channel: Channel, shop: ShopName, store: Store = DEFAULT_STORE, as_json: AsJson = False
) -> None:
    """Let a stopped channel sell again; automatic audit stays off until a person switches it on."""
    from tidegate.channels.stopping import resume_one

    with ledger_of(store, shop) as ledger:
        try:
            resume_one(ledger, channel, "")
        except LookupError as missing:
            raise ValueError(str(missing)) from None
    if as_json:
        typer.echo(json.dumps({"channel": channel, "stopped": False}))
    else:
        typer.echo(f"{channel} sells again · {channel} 恢复销售")


# -- what needs a person ---------------------------------------------------------------------------


def parked(
    shop: ShopName, channel: OfChannel = "", store: Store = DEFAULT_STORE, as_json: AsJson = False
) -> None:
    """List orders that could not be recorded, or that changed afterwards, with their reasons."""
    from tidegate.channels.looking import attention

    with ledger_of(store, shop) as ledger:
        rows = attention(ledger, channel)
    shown(rows, as_json, lambda row: f"{row.channel}  {row.number}  {row.why}  ({row.state})")


def dismiss(
    channel: Channel,
    number: Annotated[str, typer.Argument(help="as `parked` shows it")],
    by: Who,
    shop: ShopName,
    store: Store = DEFAULT_STORE,
) -> None:
    """Be done with a parked order."""
    from tidegate.channels.parking import dismiss as dismissed

    with ledger_of(store, shop) as ledger:
        told(by, store, "operator", "approver")
        if not dismissed(ledger, channel, number):
            raise ValueError(f"no order {number} of {channel} is parked")
    typer.echo(f"{channel}: {number} is not parked any more · 已处理")


def alarms(
    shop: ShopName,
    after: Annotated[int, typer.Option(help="behind this alarm")] = 0,
    every: Annotated[bool, typer.Option("--all", help="settled ones too")] = False,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """List what was read back of channels and is not right: prices, shelves, quantities."""
    from tidegate.channels.alarms import Alarms

    with ledger_of(store, shop) as ledger:
        rows = [row for row in Alarms(ledger).after(after) if every or not row.settled_ms]
    shown(rows, as_json, lambda row: f"{row.id}  {row.english} · {row.chinese}")


def settle(
    alarm: Annotated[int, typer.Argument(help="its number")],
    by: Who,
    shop: ShopName,
    note: Note = "",
    store: Store = DEFAULT_STORE,
) -> None:
    """Say that you looked at an alarm: its flag is taken back, and orders may go again."""
    from tidegate.channels.alarms import Alarms

    with ledger_of(store, shop) as ledger:
        who = told(by, store, "operator", "approver")
        if not Alarms(ledger).settle(alarm, who, note, now_ms()):
            raise ValueError(f"there is no open alarm {alarm}")
    typer.echo(f"alarm {alarm} settled · 告警 {alarm} 已处理")


# -- debts -----------------------------------------------------------------------------------------


def debts(
    shop: ShopName, channel: OfChannel = "", store: Store = DEFAULT_STORE, as_json: AsJson = False
) -> None:
    """List oversold orders (超卖) with owner, way out and deadline, the most urgent first."""
    from tidegate.channels.debts import debts as found

    with ledger_of(store, shop) as ledger:
        rows, at_ms = found(ledger, channel=channel), now_ms()
    shown(
        rows, as_json,
        lambda row: f"{row.channel}  {row.number}  {row.units} units 件  {row.owner}"
        f"  {row.way or '-'}  {(row.due_ms - at_ms) / HOUR_MS:+.1f} h {row.told}".rstrip(),
    )  # fmt: skip


def debt(
    channel: Channel,
    number: Annotated[str, typer.Argument(help="the platform's order number")],
    way: Annotated[str, typer.Option(help="restock, substitute, ask_buyer or close")],
    by: Who,
    shop: ShopName,
    owner: Annotated[str, typer.Option(help="which desk or team sees to it")] = "",
    due_h: Annotated[float, typer.Option(help="hours from now", min=0)] = 48.0,
    note: Note = "",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Take a debt and say how it ends; closing only where the platform lets a seller close."""
    from tidegate.channels.capabilities import capabilities_of
    from tidegate.channels.connection import connections
    from tidegate.channels.debts import WAYS, decide_debt

    if way not in WAYS:
        raise typer.BadParameter(f"one of {', '.join(WAYS)}", param_hint="--way")
    with ledger_of(store, shop) as ledger:
        who = told(by, store, "operator", "approver")
        kinds = {one.channel: one.kind for one in connections(ledger)}
        kind, at_ms = capabilities_of(kinds.get(channel, "files")), now_ms()
        try:
            found = decide_debt(
                ledger, kind, channel, number, way=way, owner=owner,
                due_ms=at_ms + int(due_h * HOUR_MS), note=note, by=who, now_ms=at_ms,
            )  # fmt: skip
        except LookupError as missing:
            raise ValueError(str(missing)) from None
    if as_json:
        typer.echo(json.dumps(found._asdict(), ensure_ascii=False))
    else:
        typer.echo(f"{channel} {number}: {WAYS[way]}")


# -- recalls ---------------------------------------------------------------------------------------


def recall(
    channel: Channel,
    sku: Annotated[str, typer.Argument(help="the SKU's code")],
    units: Annotated[int, typer.Argument(help="how many", min=1)],
    name: Annotated[str, typer.Option("--name", help="of the recall; the same name counts once")],
    by: Who,
    shop: ShopName,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Have units come back from a channel: off sale, acknowledged, drained, then shared."""
    from tidegate.channels.recalls import ask_recall

    with ledger_of(store, shop) as ledger:
        who = told(by, store, "operator")
        found = ask_recall(ledger, name, channel, sku, units, who, now_ms())
    shown([found], as_json, _recall_line)


def recalls(shop: ShopName, store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List recalls, the newest first."""
    from tidegate.channels.recalls import recalls as found

    with ledger_of(store, shop) as ledger:
        rows = found(ledger)
    shown(rows, as_json, _recall_line)


def _recall_line(row: Any) -> str:  # noqa: ANN401 -- a Recall; its module is loaded when it is asked
    return f"{row.name}: {row.units} {row.sku} of {row.channel}: {row.state} · {row.told or '-'}"


COMMANDS: dict[str, Callable[..., None]] = {
    "stop": stop, "resume": resume, "parked": parked, "dismiss": dismiss, "alarms": alarms,
    "settle": settle, "debts": debts, "debt": debt, "recall": recall, "recalls": recalls,
}  # fmt: skip
