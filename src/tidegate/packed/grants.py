"""What one key may do by the packed door: scopes of a shop, bound to channels or not.

Always: asked anew for every frame, so that a revoked key stops within the second in which its
revocation is noticed. Never: a row passes because nobody knows its channel.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tidegate.access.principal import Principal
from tidegate.access.roles import ORDERS_WRITE, RELEASE_WRITE, SALES_WRITE
from tidegate.desk.desk import Desk
from tidegate.record.lines import FACT, HOLD, LINE, RELEASE, Array

Authorise = Callable[[str], "Grant | None"]


class Grant(NamedTuple):
    """A key's rights at one shop's desk."""

    desk: Desk
    scopes: frozenset[str]
    channels: frozenset[str] | None  # codes, None = every channel

    def fault(self, rows: Array) -> str:
        """What these LINE or OPERATION rows need and the key lacks; "" when nothing."""
        if rows.dtype == LINE:
            return self._orders_fault(rows)
        return self._operations_fault(rows)

    def _orders_fault(self, rows: Array) -> str:
        are_facts = rows["flags"] & FACT != 0
        if SALES_WRITE not in self.scopes and are_facts.any():
            return f"row {first(are_facts)} is a marketplace's sale: this key lacks {SALES_WRITE}"
        if ORDERS_WRITE not in self.scopes and not are_facts.all():
            return f"row {first(~are_facts)} is an order: this key lacks {ORDERS_WRITE}"
        if self.channels is None:
            return ""
        numbers = [self.desk.catalogue.channel_number(code) for code in sorted(self.channels)]
        others = ~np.isin(rows["channel"], [number for number in numbers if number is not None])
        if others.any():
            place = first(others)
            return f"row {place}: this key is not for channel number {rows['channel'][place]}"
        return ""

    def _operations_fault(self, rows: Array) -> str:
        """An operation does not name its order's channel, so a key bound to channels has none."""
        if self.channels is not None:
            return "this key is bound to channels: its operations go by HTTP, which names them"
        if ORDERS_WRITE not in self.scopes:
            return f"this key lacks {ORDERS_WRITE}"
        are_releases = (rows["kind"] == RELEASE) | (rows["kind"] == HOLD)
        if RELEASE_WRITE not in self.scopes and are_releases.any():
            return f"row {first(are_releases)} releases or holds: this key lacks {RELEASE_WRITE}"
        return ""


def first(found: Array) -> int:
    """The place of the first row for which something is so."""
    return int(np.flatnonzero(found)[0])


def granted(
    hello: str, desks: Mapping[str, Desk], authenticate: Callable[[str], Principal | None]
) -> Grant | None:
    """What a hello `shop:key` may do, None = nothing. Raises AccessUnavailable."""
    name, _, key = hello.partition(":")
    principal = authenticate(key)
    if principal is None or name not in desks:
        return None
    some = principal.channel_set
    scopes = frozenset(
        scope
        for scope in (ORDERS_WRITE, SALES_WRITE, RELEASE_WRITE)
        if any(
            principal.may(scope, name, channel) for channel in ([None] if some is None else some)
        )
    )
    if not scopes & {ORDERS_WRITE, SALES_WRITE}:
        return None
    return Grant(desks[name], scopes, some)
