"""What a promotion may give away, as rules that the desk keeps: budgets, and caps by buyer.

Always there before the promotion is in force. Where a budget is used up the desk refuses the order;
it is never sold at another price than the one that was asked. Nothing here counts.
"""

from collections.abc import Iterator

from tidegate.pricing.promotion import Promotion
from tidegate.record import facts as f

COUNTED_BY = "account"  # the identity key that a buyer's caps go by
CODE_CHARS = 48  # of the promotion's code: what is put behind it must still fit


NAMES = ("budget-units", "budget-money", "buyer-orders", "buyer-units", "buyer-money")


def rule_codes(code: str) -> list[str]:
    """What the rules of a promotion are called, there or not."""
    return [f"{code[:CODE_CHARS]}.{name}" for name in NAMES]


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
