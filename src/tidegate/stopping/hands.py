"""From what the breaker wants to commands of the desk, and what of it is in force.

Always commands that anybody could give, on record with who asked; an action that is asked again
counts once. Never decides what is to be stopped, and keeps nothing.
"""

import asyncio
import hashlib
from typing import Any, Protocol

import msgspec

from tidegate.desk.answers import CommandAnswer
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.engine import layout as lo
from tidegate.record import facts as f
from tidegate.watch.acting import CAP_UNITS, InForce, NothingToStop
from tidegate.watch.breaker import (
    CAPPED,
    PAUSE,
    PROMOTION_TARGET,
    RESUME,
    SHOP,
    SKU_TARGET,
    TRICKLE,
    Action,
)

NOTE_MAX = 200
LETTERS = "bcdfghjkmnpqrstvwxz"  # no digit: an id must not look like a telephone number
TRICKLE_ORDERS = 6  # a minute, of a promotion that is half open
CODE_CHARS = 48  # of the promotion's code: what is put behind it must still fit
Bounds = tuple[int, int]


class DeskGiven(Protocol):
    """What is asked of a desk."""

    shop: str

    @property
    def machine(self) -> Any:  # noqa: ANN401  the engine's
        """The engine, to look at."""

    def command(
        self, command: f.Command, command_id: str, actor: int, approver: int = 0
    ) -> asyncio.Future[CommandAnswer]:
        """Decide a command."""


class Hands:
    """What stops and starts one shop's things. Lives on the desk's loop."""

    def __init__(self, desk: DeskGiven) -> None:
        self._desk = desk

    def in_force(self, target: str, code: str) -> InForce:
        """How a target is, as of the last decided batch."""
        machine = self._desk.machine
        state, catalogue = machine.state, machine.catalogue
        if target == SHOP:
            most = int(state.scalars[lo.QUANTITY_MAX_ORDER])
            return InForce(True, bool(int(state.scalars[lo.SHOP_FLAGS]) & lo.PAUSED), 1, most)
        table = catalogue.skus if target == SKU_TARGET else catalogue.promotions
        if code not in table:
            return InForce(False, False, 0, 0)
        if target == SKU_TARGET:
            row = state.skus[table[code]]
            paused = bool(int(row["flags"]) & lo.PAUSED)
            return InForce(True, paused, int(row["quantity_min"]), int(row["quantity_max"]))
        paused = bool(int(state.promotions[table[code]]["flags"]) & lo.PAUSED)
        rule = catalogue.rules.get(trickle_code(code), 0)
        return InForce(True, paused, 0, 0, bool(rule and state.rules[rule]["known"]))

    async def act(self, action: Action, bounds: Bounds | None = None) -> None:
        """Have it done; durable when this returns. `bounds`: what a resume gives back.

        Raises NothingToStop where the desk refuses, and what the desk raises.
        """
        for number, command in enumerate(self._commands(action, bounds)):
            name = f"{action.id}-{number}{content_letters(command)}"
            answer = await self._desk.command(command, name, action.actor, action.approver)
            if answer.reason != Reason.ACCEPTED:
                raise NothingToStop(REASON_TEXTS[Reason(answer.reason)].english)

    def _commands(self, action: Action, bounds: Bounds | None) -> list[f.Command]:
        """What an action stands for. Only people's actions take a pause away."""
        note = action.note[:NOTE_MAX]
        if action.kind == PAUSE:
            return [f.SetFlag(action.target, "paused", True, action.code, note)]
        start = f.SetFlag(action.target, "paused", False, action.code, note)
        if action.kind == CAPPED:
            return self._capped(action)
        if action.kind == TRICKLE:
            return [*self._capped(action), start]
        assert action.kind == RESUME, action.kind
        return [*self._given_back(action, bounds), start]

    def _capped(self, action: Action) -> list[f.Command]:
        if action.target == SHOP:
            return [f.SetPolicy(quantity_max_order=CAP_UNITS)]
        if action.target == PROMOTION_TARGET:
            return [
                f.PutRule(trickle_code(action.code), "promotion", action.code, "orders", "minute",
                          budget=TRICKLE_ORDERS)
            ]  # fmt: skip
        return [self._sku(action.code, (1, CAP_UNITS))]

    def _given_back(self, action: Action, bounds: Bounds | None) -> list[f.Command]:
        if action.target == PROMOTION_TARGET:
            has_rule = trickle_code(action.code) in self._desk.machine.catalogue.rules
            return [f.DropRule(trickle_code(action.code))] if has_rule else []
        if bounds is None:
            return []
        if action.target == SHOP:
            return [f.SetPolicy(quantity_max_order=bounds[1])]
        return [self._sku(action.code, bounds)]

    def _sku(self, code: str, bounds: Bounds) -> f.PutSku:
        """A SKU as it is, but for the bounds of an order. Raises NothingToStop."""
        machine = self._desk.machine
        catalogue = machine.catalogue
        if code not in catalogue.skus:
            raise NothingToStop("there is no such SKU")
        number = catalogue.skus[code]
        row = machine.state.skus[number]
        cost_fen = int(row["cost_floor_fen"])
        as_it_is = f.PutSku(
            code=code,
            list_price_fen=int(row["list_price_fen"]),
            cost_floor_fen=None if cost_fen < 0 else cost_fen,
            red_line_fen=int(row["red_line_fen"]),
            safety_stock=int(row["safety_stock"]),
            parts={
                catalogue.sku_codes[part]: each for part, each in catalogue.parts.get(number, [])
            },
        )
        return msgspec.structs.replace(as_it_is, quantity_min=bounds[0], quantity_max=bounds[1])


def content_letters(command: f.Command) -> str:
    """What makes an id of a command's own content, where it repeats what may have changed since.

    A SKU is put as it is, but for its bounds: asked again after its price changed it is another
    command, and under the old id the desk would refuse it.
    """
    if not isinstance(command, f.PutSku):
        return ""
    digest = hashlib.blake2b(f.encode(command), digest_size=8).digest()
    return "-" + "".join(LETTERS[byte % len(LETTERS)] for byte in digest)


def trickle_code(promotion: str) -> str:
    """What the rule is called by which a promotion trickles."""
    return f"{promotion[:CODE_CHARS]}.trickle"
