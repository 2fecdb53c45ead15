"""`tidegate status`: does every shop take orders, and how far are its views behind.

Needs no key. Where the store is on this machine it also tells, from the store's files, how each
follower is and what was archived. Ends with 1 while a shop takes no orders.
"""

import time
from typing import Any

import typer

from tidegate.cli._client import Request
from tidegate.cli._command import REFUSED_EXIT, Caller, server_call
from tidegate.cli._store import DEFAULT_STORE, Store
from tidegate.cli._store_lines import store_lines

app = typer.Typer()

SILENT_MS = 5_000  # the watch says every second that it lives


@app.command()
@server_call
def status(caller: Caller, store: Store = DEFAULT_STORE) -> None:
    """Whether each shop takes orders, how far followers lag, what is archived. Exit 1 if not."""
    import msgspec  # other commands start fast

    found = caller.anyone.ask(Request("GET", "/ready"), patience_s=0).document()
    lines = [shop_line(shop) for shop in found["shops"]]
    if store.is_dir():
        from tidegate.bootstrap import store_status

        told = store_status(store)
        if told is not None:
            found["store"] = msgspec.to_builtins(told)
            lines += store_lines(told, time.time_ns() // 1_000_000)
    caller.show(found, "\n".join(lines) or "no shop yet 尚无店铺: tidegate shop create NAME")
    if not found["ready"]:
        raise typer.Exit(REFUSED_EXIT)


def shop_line(shop: dict[str, Any]) -> str:
    """One shop in a line."""
    how = "takes orders 正常接单" if shop["ready"] else "takes no orders 暂停接单"
    if shop["why"]:
        how += f": {shop['why']}"
    return (
        f"{shop['shop']}: {how} (entry {shop['seq']}, epoch {shop['epoch']}, "
        f"{shop['inbox']} waiting, views {shop['views_lag_entries']} entries behind"
        f"{watch_words(shop)})"
        f"{alarm_words(shop)}"
    )


def alarm_words(shop: dict[str, Any]) -> str:
    """Alarms that wait for a person, and why nobody is told of them."""
    words = ""
    waiting, failed = shop.get("alarms_unacknowledged", 0), shop.get("alerts_undelivered", 0)
    if waiting:
        words += f"; {waiting} alarms unacknowledged 未确认告警: `tidegate watch alarms`"
    if failed:
        words += f"; {failed} messages undelivered 未送达"
    if shop.get("alerts_fault"):
        words += f"; alerts 通知: {shop['alerts_fault']}"
    return words


def watch_words(shop: dict[str, Any]) -> str:
    """How the watch is, and whether the breaker is open."""
    silent_ms = shop.get("watch_silent_ms", -1)
    if silent_ms < 0:
        return ", nobody watches 无监视"
    words = f", watch {shop['watch_lag_entries']} entries behind"
    if silent_ms > SILENT_MS:
        words = f", the watch said nothing for {silent_ms // 1000} s 监视无响应"
    if shop["breaker_open"]:
        words += f", breaker open 熔断 {shop['breaker_open']}: `tidegate watch breaker`"
    return words
