"""`tidegate channel` beside a server: connect, look, map, offer, hold, release.

Always: writes intentions into the shop's ledger, which whoever serves the shop carries out within
seconds. Never: asks a channel, or decides anything.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli._channel_ledger import Channel, OfChannel, ShopName, ledger_of
from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, Who, actor

if TYPE_CHECKING:
    from tidegate.bootstrap import Access

Run = Annotated[str, typer.Option("--name", help="of the run; the same name counts once")]
OfSku = Annotated[str, typer.Option("--sku", help="orders with this SKU only")]


def connect(
    channel: Channel,
    shop: ShopName,
    kind: Annotated[str, typer.Option(help="row of docs/reference/channels.md")] = "webhook",
    adapter: Annotated[str, typer.Option(help="bridge, push, folder or vendure")] = "push",
    address: Annotated[str, typer.Option(help="of a bridge: http(s)://host")] = "",
    settings: Annotated[str, typer.Option(help="more settings, JSON")] = "{}",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Connect a channel, or change how it is; its key is shown the first time."""
    import msgspec

    from tidegate.bootstrap.channel_store import channel_key
    from tidegate.channels.capabilities import capabilities_of
    from tidegate.channels.connection import Adapter, Settings, put_connection

    with ledger_of(store, shop) as ledger:
        try:
            given = {**json.loads(settings), **({"address": address} if address else {})}
            wanted = msgspec.convert(given, Settings)
            checked = msgspec.convert(adapter, Adapter)
            capabilities_of(kind)
        except (msgspec.ValidationError, TypeError, LookupError) as wrong:
            raise ValueError(str(wrong)) from None
        key, is_new = channel_key(store, shop, channel)
        put_connection(ledger, channel, kind, checked, wanted)
    shown = key.hex() if is_new else ""
    if as_json:
        typer.echo(json.dumps({"channel": channel, "adapter": adapter, "key": shown}))
    else:
        typer.echo(f"channel {channel} connected ({adapter}) · 渠道 {channel} 已连接")
        if is_new:
            typer.echo(f"its key, shown this once (hex) 密钥仅显示一次: {shown}")


def status(shop: ShopName, store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show each channel: how late its feed is, its orders, what is parked, unknown or at fault."""
    import time

    from tidegate.channels.alarms import Alarms
    from tidegate.channels.debts import owed
    from tidegate.channels.status import status_of

    with ledger_of(store, shop) as ledger:
        now_ms = time.time_ns() // 1_000_000
        found, debts = status_of(ledger, now_ms), owed(ledger, now_ms)
        alarms = Alarms(ledger).open_count()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for row in found:
        typer.echo(
            f"{row['channel']} ({row['kind']}, {row['adapter']})"
            f"{' STOPPED 已停售' if row['stopped'] else ''}: {row['feed'] or 'current 正常'};"
            f" {row['orders']}; parked 暂存 {row['parked']}; faults 异常 {row['faults']}"
        )
        for rung in row["ladder"]:
            typer.echo(f"  {rung['step']}: {rung['state']} · {rung['told']}")
    typer.echo(
        f"alarms 告警 {alarms}; debts 超卖 {debts['orders']} orders 单, {debts['units']} units 件,"
        f" {debts['late']} late 逾期"
    )


def map_(
    channel: Channel,
    item: Annotated[str, typer.Argument(help="what the channel calls it")],
    sku: Annotated[str, typer.Argument(help="what the shop calls it")],
    shop: ShopName,
    store: Store = DEFAULT_STORE,
) -> None:
    """Map a channel's item code to a SKU; parked orders are taken within a minute."""
    with ledger_of(store, shop) as ledger, ledger.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (channel, item, sku))
    typer.echo(f"{channel}: {item} is {sku} · 已映射")


def offer(
    channel: Channel,
    file: Annotated[Path, typer.Argument(help="CSV: sku[,item]", exists=True, dir_okay=False)],
    shop: ShopName,
    terms: Annotated[str, typer.Option(help="JSON: ratio_bp, addition, floor, ceiling …")] = "",
    store: Store = DEFAULT_STORE,
) -> None:
    """Offer SKUs on a channel: its shelf follows its pool from then on."""
    import msgspec

    from tidegate.channels.offers import OfferTerms
    from tidegate.channels.stock_out import put_offers

    with ledger_of(store, shop) as ledger:
        own = msgspec.json.decode(terms, type=OfferTerms) if terms else None
        rows = [row for row in csv.reader(file.open(encoding="utf-8-sig")) if row and row[0]]
        rows = [row for row in rows if row[0].casefold() != "sku"]
        put_offers(ledger, channel, [(row[0], row[1] if len(row) > 1 and row[1] else row[0], own)
                                     for row in rows])  # fmt: skip
    typer.echo(f"{channel}: {len(rows)} SKUs offered · 已上架同步")


def hold(
    name: Run,
    by: Who,
    shop: ShopName,
    channel: OfChannel = "",
    sku: OfSku = "",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Hold many orders (批量挂起): each ends as on_hold, too_late or unknown."""
    _ask("hold", name, by, shop, channel, sku, store, as_json)


def release(
    name: Run,
    by: Who,
    shop: ShopName,
    channel: OfChannel = "",
    sku: OfSku = "",
    exception: Annotated[
        str, typer.Option(help="approved by two, for what was sold past a guard")
    ] = "",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Release many held orders (批量放行): each ends as released or refused.

    What was sold below its floor, over a limit or too large goes only under an exception that two
    people approved.
    """
    _ask("release", name, by, shop, channel, sku, store, as_json, exception)


def run(
    name: Annotated[str, typer.Argument(help="of the run")],
    shop: ShopName,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show how a bulk run stands."""
    from tidegate.channels.bulk import tally_of

    with ledger_of(store, shop) as ledger:
        try:
            tally = tally_of(ledger, name)
        except LookupError as missing:
            raise ValueError(str(missing)) from None
    _told(tally._asdict(), as_json)


def _ask(
    kind: str,
    name: str,
    by: str,
    shop: str,
    channel: str,
    sku: str,
    store: Path,
    as_json: bool,
    exception: str = "",
) -> None:
    import time

    from tidegate import bootstrap
    from tidegate.channels.bulk import Scope, ask_bulk

    with ledger_of(store, shop) as ledger:
        access = bootstrap.open_access(bootstrap.existing_store(store))
        try:
            _require_right(access, by, kind)
        finally:
            access.store.close()
        scope = Scope(channel=channel, sku=sku, exception=exception)
        tally = ask_bulk(ledger, kind, name, scope, by, time.time_ns() // 1_000_000)
    _told(tally._asdict(), as_json)


def _require_right(access: "Access", name: str, kind: str) -> None:
    """Anybody who operates may hold; a release past the judgement needs an approver."""
    from tidegate.access.operators import AccessRefused
    from tidegate.access.roles import Role

    token = actor(access, name)
    roles = next(party.roles for party in access.operators.list_parties() if party.token == token)
    may = Role.APPROVER | Role.ADMINISTRATOR
    if kind == "hold":
        may |= Role.OPERATOR
    if not roles & may:
        raise AccessRefused(f"{name} may not {kind} orders: it needs the role approver")


def _told(tally: dict[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(tally, ensure_ascii=False))
        return
    results = tally["results"]
    assert isinstance(results, dict)
    words = ", ".join(f"{word} {count}" for word, count in sorted(results.items()))
    typer.echo(f"{tally['name']}: {tally['orders']} orders, {tally['open']} to do; {words or '-'}")


COMMANDS: dict[str, Callable[..., None]] = {
    "connect": connect, "status": status, "map": map_, "offer": offer, "hold": hold,
    "release": release, "run": run,
}  # fmt: skip
