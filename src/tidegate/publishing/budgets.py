"""What a promotion may give away, as rules that the desk keeps: budgets, and caps by buyer.

Always there before the promotion is in force. Where a budget is used up the desk refuses the order;
it is never sold at another price than the one that was asked. Nothing here counts.
"""

from collections.abc import Iterator
from typing import Any

from tidegate.pricing.promotion import Promotion, Room
from tidegate.record import facts as f

COUNTED_BY = "account"  # the identity key that a buyer's caps go by
CODE_CHARS = 48  # of the promotion's code: what is put behind it must still fit


NAMES = ("budget-units", "budget-money", "buyer-orders", "buyer-units", "buyer-money")


def rule_codes(code: str) -> list[str]:
    """What the rules of a promotion are called, there or not."""
    return [f"{code[:CODE_CHARS]}.{name}" for name in NAMES]


def left_of(machine: Any, code: str) -> Room:  # noqa: ANN401  the engine's
    """What the desk's rules still let a promotion give, in all; what they charge is theirs to say.

    A budget that was never put is none. Orders that are being decided may take it meanwhile.
    """
    units, money_fen = (_left(machine, rule) for rule in rule_codes(code)[:2])
    return Room(units, money_fen)


def _left(machine: Any, rule: str) -> int | None:  # noqa: ANN401  the engine's
    number = machine.catalogue.rules.get(rule, 0)
    if number not in machine.catalogue.rule_places:
        return None
    row = machine.state.rules[number]
    return max(0, int(row["budget"]) - int(row["used"])) if row["known"] else None


def rules_of(promotion: Promotion) -> list[f.PutRule]:
    """The rules that hang on a promotion; none where it may give without end."""
    return list(_rules(promotion))


def _rules(promotion: Promotion) -> Iterator[f.PutRule]:
    budget, limits = promotion.budget, promotion.limits
    for name, basis, amount in (
        ("units", "units", budget.units),
        ("money", "discount", budget.money_fen),
    ):
        if amount is not None:
            yield _rule(promotion.code, f"budget-{name}", basis, {}, amount)
    for name, basis, amount in (
        ("orders", "orders", limits.buyer_orders),
        ("units", "units", limits.buyer_units),
        ("money", "discount", limits.buyer_discount_fen),
    ):
        if amount is not None:
            yield _rule(promotion.code, f"buyer-{name}", basis, {COUNTED_BY: amount}, None)


def _rule(
    code: str, name: str, basis: str, limits: dict[str, int], budget: int | None
) -> f.PutRule:
    return f.PutRule(
        code=f"{code[:CODE_CHARS]}.{name}",
        scope="promotion",
        target=code,
        basis=basis,
        limits=limits,
        budget=budget,
    )
