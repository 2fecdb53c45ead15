"""`tidegate watch breaker`, `half-open`, `close`, and the calendar: what people do about the watch.

Always through the server, with a person's key. Never sells anything again by itself.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._times import local_time

Reason = Annotated[str, typer.Option(help="why; stands on record")]
OfSku = Annotated[str, typer.Option("--sku", help="of this SKU; default: the shop")]
OfPromotion = Annotated[str, typer.Option("--promotion", help="of this promotion")]
PHASES = {"open": "open 熔断", "half_open": "half open 半开", "closed": "closed 已关闭"}


@shop_call
def breaker(caller: Caller) -> None:
    """What the breaker has stopped, since when and why."""
    found = caller.get(caller.path("breaker"))
    lines = [switch_line(switch) for switch in found["switches"]]
    caller.show(found, "\n".join(lines) or "nothing is stopped by the breaker 无熔断")


@shop_call
def half_open(caller: Caller, reason: Reason, sku: OfSku = "", promotion: OfPromotion = "") -> None:
    """Let a trickle through 半开: one unit an order. After a stop of the shop two must agree."""
    turned(caller, "half-open", sku, promotion, reason)


@shop_call
def close(caller: Caller, reason: Reason, sku: OfSku = "", promotion: OfPromotion = "") -> None:
    """Sell again as before 恢复, fifteen minutes after half open. After a shop's stop: two."""
    turned(caller, "close", sku, promotion, reason)


@shop_call
def announce(
    caller: Caller,
    scope: Annotated[Literal["sku", "promotion", "channel"], typer.Argument(help="of what")],
    from_at: Annotated[str, typer.Option("--from", help="2026-11-11T00:00:00+08:00")],
    until_at: Annotated[str, typer.Option("--until", help="the same")],
    subject: Annotated[str, typer.Option("--code", help="its code; default: every one")] = "",
    rate: Annotated[float, typer.Option(help="times the usual orders")] = 1.0,
    orders_per_h: Annotated[float, typer.Option(help="orders an hour that will come")] = 0.0,
    price: Annotated[float, typer.Option(help="of the usual price, 0.5 = half")] = 1.0,
    units: Annotated[float, typer.Option(help="times the usual units an order")] = 1.0,
    plan_fen_per_h: Annotated[float, typer.Option(help="discount money an hour")] = 0.0,
    note: Annotated[str, typer.Option(help="no personal data")] = "",
) -> None:
    """Announce a sale or a crowd, so that the watch expects it 活动预告."""
    body = {
        "scope": scope, "subject": subject, "from_at": from_at, "until_at": until_at,
        "rate": rate, "orders_per_h": orders_per_h, "price": price, "units": units,
        "plan_fen_per_h": plan_fen_per_h, "note": note,
    }  # fmt: skip
    kept = caller.send("POST", caller.path("calendar"), body, has_id=False)
    caller.show(kept, f"announced 已预告: {announced_line(kept)}")


@shop_call
def calendar(
    caller: Caller,
    drop: Annotated[str, typer.Option(help="take this one back; its id")] = "",
) -> None:
    """What people announced; what is published announces itself."""
    if drop:
        found = caller.send("POST", caller.path("calendar", drop, "drop"), {})
        if not found["dropped"]:
            raise WrongUsage(f"nothing is announced under {drop}")
        caller.show(found, f"{drop} taken back 已撤销")
        return
    found = caller.get(caller.path("calendar"))
    lines = [announced_line(one) for one in found["announced"]]
    caller.show(found, "\n".join(lines) or "nothing is announced 无预告")


def turned(caller: Caller, verb: str, sku: str, promotion: str, reason: str) -> None:
    """Half open or close, and what came of it."""
    if sku and promotion:
        raise WrongUsage("one at a time: --sku or --promotion")
    scope = "sku" if sku else "promotion" if promotion else "shop"
    body = {"scope": scope, "subject": sku or promotion, "reason": reason}
    found = caller.send("POST", caller.path("breaker", verb), body)
    name = f"{scope} {sku or promotion or caller.shop}"
    if found["waits_for_second"]:
        words = f"{name}: noted; a second person must agree within an hour 须另一人在一小时内同意"
    else:
        words = f"{name}: {PHASES[found['phase']]}"
        words += "" if found["in_force"] else "; not in force yet: give it again"
    caller.show(found, words)


def switch_line(switch: dict[str, Any]) -> str:
    """One switch in a line."""
    name = f"{switch['scope']} {switch['subject']}".rstrip()
    since = local_time(switch["since_ms"])
    phase = f"{PHASES[switch['phase']]} ({switch['level']})"
    parts = [f"{name}: {phase} since {since}: {switch['sentence']}"]
    if not switch["in_force"]:
        parts.append(
            "NOT IN FORCE YET 尚未生效" + (f" ({switch['fault']})" * bool(switch["fault"]))
        )
    if switch["waits_for_second"]:
        parts.append("a second person must agree 待第二人同意")
    return "; ".join(parts)


def announced_line(one: dict[str, Any]) -> str:
    """One announced window in a line."""
    what = f"{one['scope']} {one['subject'] or 'any 全部'}"
    told = [f"{name} {one[name]:g}" for name, usual in
            (("rate", 1), ("orders_per_h", 0), ("price", 1), ("units", 1), ("plan_fen_per_h", 0))
            if one[name] != usual]  # fmt: skip
    span = f"{local_time(one['from_ms'])} to {local_time(one['until_ms'])}"
    return f"{one['id']}: {what}, {span}: {', '.join(told) or 'nothing out of the ordinary'}"


COMMANDS: dict[str, Callable[..., None]] = {
    "breaker": breaker, "half-open": half_open, "close": close, "announce": announce,
    "calendar": calendar,
}  # fmt: skip
