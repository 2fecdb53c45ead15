"""What `tidegate pause` and `tidegate resume` share: one command, one switch."""

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller

_DONE = {"pause": ("paused", "已停售"), "resume": ("on sale again", "已恢复销售")}
_SCOPES_ZH = {"shop": "店铺", "sku": "商品", "promotion": "促销"}


def switched(caller: Caller, verb: str, sku: str, promotion: str, note: str) -> None:
    """Stop or start what was named; nothing named = the shop."""
    if sku and promotion:
        raise WrongUsage("one at a time: --sku or --promotion")
    scope = "sku" if sku else "promotion" if promotion else "shop"
    target = sku or promotion
    body = {"scope": scope, "target": target, "note": note}
    english, chinese = _DONE[verb]
    name = target or caller.shop
    caller.post(
        caller.path(verb),
        body,
        f"{scope} {name} {english}",
        f"{_SCOPES_ZH[scope]} {name} {chinese}",
    )
