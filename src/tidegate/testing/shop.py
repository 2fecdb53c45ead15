"""Sets a shop up for a made-up workload: the commands an operator would give, in order.

After them the numbers in the workload's rows mean what its terms say. It goes the way every
command goes, through the engine's judgement; nothing is written into a state directly.
"""

from collections.abc import Iterator

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine.machine import Machine
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KINDS
from tidegate.testing.workload import Rows, Terms

ACTOR = 0xAC70_0001  # the token of the operator who does it
COMMAND_ID_HI = 0x5E7_0000  # high half of the commands' ids


def sku_code(number: int) -> str:
    """The code of the SKU with this number."""
    return f"sku-{number}"


def promotion_code(number: int) -> str:
    """The code of the promotion with this number (from 1)."""
    return f"promotion-{number}"


def channel_code(number: int) -> str:
    """The code of the channel with this number."""
    return f"channel-{number}"


def commands(terms: Terms) -> Iterator[f.Command]:
    """Everything that has to be said before the workload's first order."""
    for number in range(terms.channels):
        yield f.PutChannel(channel_code(number))
    for number in range(terms.skus):
        floor_fen = int(terms.price_floor_fen[number])
        yield f.PutSku(sku_code(number), int(terms.price_fen[number]), cost_floor_fen=floor_fen)
        yield f.ReceiveStock(sku_code(number), int(terms.stock_units[number]))
    for number in range(1, terms.promotions + 1):
        code = promotion_code(number)
        yield f.PutPromotion(code)
        yield f.PutRule(
            f"budget-{number}", "promotion", code, basis="money", budget=terms.budget_fen
        )
    yield from limit_commands(terms)


def limit_commands(terms: Terms) -> Iterator[f.Command]:
    """The purchase limits: a rule for each SKU, or for each group of SKUs."""
    limits = {
        kind: limit for kind, limit in zip(KEY_KINDS, terms.limit_units, strict=True) if limit
    }
    if not limits:
        return
    if terms.limit_groups == 0:
        for number in range(terms.skus):
            yield f.PutRule(f"limit-{number}", "sku", sku_code(number), limits=limits)
        return
    for group in range(terms.limit_groups):
        members = range(group, terms.skus, terms.limit_groups)
        yield f.PutGroup(f"group-{group}", [sku_code(number) for number in members])
        yield f.PutRule(f"limit-{group}", "group", f"group-{group}", limits=limits)


def set_up(machine: Machine, terms: Terms, now_ms: int, local_day: int) -> list[bytes]:
    """Give a fresh machine all the commands; the entries that a journal would have to hold."""
    entries = []
    machine.begin(now_ms, local_day)
    for number, command in enumerate(commands(terms), start=1):
        answer = machine.decide_command(COMMAND_ID_HI, number, command, ACTOR)
        assert answer.reason is Reason.ACCEPTED, (command, answer.reason)
        if number % 1024 == 0:
            entries.append(machine.finish())
    entries.append(machine.finish())
    return [entry for entry in entries if entry]


def quoted_now(machine: Machine, rows: Rows) -> None:
    """Make the rows' quotes as new as the shop's last change of a price."""
    from tidegate.engine.layout import PRICING_VERSION

    rows["pricing_version"] = np.uint32(machine.state.scalars[PRICING_VERSION])
