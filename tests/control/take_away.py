"""Run the engine's rules with one function taken away, and print what the suite said.

    TIDEGATE_UNCOMPILED=1 python take_away.py [guards|limits|...]

One process, the interpreter instead of compiled code: there a function can be replaced by name.
Prints a line for each: the file of rules, what was taken, pytest's exit code (1: it noticed).
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tidegate.domain import jit
from tidegate.engine import layout as lo
from tidegate.engine import tables

RULES = Path(__file__).parents[1] / "rules"
Stub = Callable[..., object]


def always(value: object) -> Stub:
    return lambda *_, **__: value


def own_row(s: lo.State, line: np.void, kind: int) -> int:
    """A new row for every key, although another kind of the order has the same token."""
    return int(tables.new_key(s, tables.token_of(line, kind)))


PASSES, NOTHING = always(0), always(None)
# The file that must notice, and what is taken away: a guard that lets everything pass, an effect
# that does not happen, a question with the same answer for everybody.
TAKEN: dict[str, dict[str, Stub]] = {
    "guards": {
        **{
            f"guards.{guard}": PASSES
            for guard in (
                "too_old", "no_channel", "paused", "unknown_sku", "too_large", "too_small",
            )
        },
        "claims.stock_short": PASSES,
    },
    "prices": {
        "guards.price_changed": PASSES,
        "guards.price_mismatch": PASSES,
        "guards.cost_missing": PASSES,
        "guards.below_floor": PASSES,
        "guards.group_of": lambda _, __, i: i,
        "guards.floor_of": always(300),
    },
    "limits": {
        "claims.identity_missing": PASSES,
        "claims.limit_exceeded": PASSES,
        "claims.holds_exceeded": PASSES,
        "claims.budget_exhausted": PASSES,
        "claims.exempt": always(False),
        "claims.explain": NOTHING,
        "effects.exempt": always(False),
        "effects.first_of_order": always(True),
        "effects.reverse_charges": NOTHING,
        "effects.key_just_made": own_row,
        "fulfilment.end_hold": NOTHING,
        "fulfilment.ends_order": always(False),
        "charges.window_at": PASSES,
        "tables.month_of": PASSES,
    },
    "orders": {
        "orders.find_id": always(-1),
        "orders.fingerprint": always(7),
        "orders.forget_orders": NOTHING,
        "orders.forget_refusals": NOTHING,
        "expiry.give_back_units": NOTHING,
        "expiry.holds_until": always(True),
        "operations.drop_cancelled": lambda _, count: count,
        "operations.judge_extend": PASSES,
    },
    "operations": {
        "fulfilment.give_back_units": NOTHING,
        "fulfilment.unrelease": NOTHING,
        "operations.judge_quantity": PASSES,
        "operations.nothing_open": always(False),
        "operations.gather_need": always(1),
        "operations.scope_flags": PASSES,
        "operations.operation_print": always(7),
    },
    "facts": {
        "guards.no_fact": PASSES,
        "effects.known_sku": always(True),
        "operations.release_covered": always(True),
        "stock_commands.available_units": always(1 << 60),
    },
    "commands": {
        "guards.exception_holds": always(True),
        "commands.code_ok": lambda code: code,
        "commands.bound": lambda value, *_: value,
        "commands.bound_lists": NOTHING,
    },
}  # fmt: skip


def verdict(name: str) -> int:
    """What pytest says of a file of rules, up to the first failure: its exit code."""
    quiet = io.StringIO()
    file = str(RULES / f"test_engine_{name}.py")
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", file]))


def main(files: list[str]) -> None:
    """Take away what the named files must notice, one after another."""
    assert jit.UNCOMPILED, "compiled functions cannot be taken away"
    for file in files:
        print(file, "nothing", verdict(file), flush=True)
        for full_name, stub in TAKEN[file].items():
            module_name, name = full_name.split(".")
            module = importlib.import_module(f"tidegate.engine.{module_name}")
            kept = getattr(module, name)
            setattr(module, name, stub)
            print(file, full_name, verdict(file), flush=True)
            setattr(module, name, kept)


if __name__ == "__main__":
    main(sys.argv[1:] or list(TAKEN))
