"""From what the breaker wants to commands of the desk, and back from what the desk says it is.

Always through the desk, and always read back; an order to it that fails is asked again with the
same id. Never decides what is to be stopped.
"""

from typing import Protocol

import msgspec

from tidegate.record import facts as f
from tidegate.watch.breaker import SHOP, Action, Breaker, Switch

CAP_UNITS = 1
NOTE_MAX = 200


class Terms(Protocol):
    """How things are put now, by code."""

    def sku(self, code: str) -> f.PutSku | None:
        """The command that would put a SKU as it is, parts included; None where there is none."""
        ...

    def quantity_max_order(self) -> int:
        """The shop's bound of an order."""
        ...


class DeskPort(Protocol):
    """The desk as the breaker knows it: commands in, and how things are now."""

    def command(self, command: f.Command, command_id: str) -> None:
        """Ask; a command with the same id counts once. Raises OSError when it cannot be asked."""
        ...

    def is_so(self, action: Action) -> bool:
        """Whether the desk has this in force. Raises OSError when it cannot be read."""
        ...


def commands_of(action: Action, switch: Switch, terms: Terms) -> tuple[f.Command, ...]:
    """The commands that an action stands for; none where its target is gone.

    A cap lifts the pause of its target; a resume gives the bound of an order back as the switch
    remembers it from before the cap.
    """
    on = action.kind == "pause"
    flag = f.SetFlag(action.target, "paused", on, action.code, action.note[:NOTE_MAX])
    if on or action.target == "promotion":
        return (flag,)
    if action.target == SHOP:
        if switch.bounds is None:
            switch.bounds = (1, terms.quantity_max_order())
        bound = CAP_UNITS if action.kind == "cap" else switch.bounds[1]
        return (f.SetPolicy(quantity_max_order=bound), flag)
    known = terms.sku(action.code)
    if known is None:
        return ()
    if switch.bounds is None:
        switch.bounds = (known.quantity_min, known.quantity_max)
    least, most = (1, CAP_UNITS) if action.kind == "cap" else switch.bounds
    return (msgspec.structs.replace(known, quantity_min=least, quantity_max=most), flag)


def carry_out(
    breaker: Breaker, actions: tuple[Action, ...], desk: DeskPort, terms: Terms, now_ms: int
) -> tuple[Action, ...]:
    """Ask the desk for these and for what is due again, and read back; those that failed.

    A desk that cannot be reached is not the end: the switch stays open, and `due` asks again.
    """
    failed = []
    again = tuple(action for action in breaker.due(now_ms) if action not in actions)
    for action in (*actions, *again):
        try:
            if not desk.is_so(action):
                switch = breaker.switch(action.target, action.code)
                for number, command in enumerate(commands_of(action, switch, terms)):
                    desk.command(command, f"{action.id}-{number}")
            if desk.is_so(action):
                breaker.read_back(action, now_ms)
        except OSError:
            failed.append(action)
    return tuple(failed)
