"""What a promotion may give away, as rules that the desk keeps: budgets, claims, caps by buyer.

Always there before the promotion is in force. Where a budget is used up the desk refuses the order;
it is never sold at another price than the one that was asked. Nothing here counts.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.pricing.book import PriceBook
from tidegate.pricing.problems import Problem, listed
from tidegate.pricing.promotion import Coupon, Promotion, Room
from tidegate.record import facts as f

COUNTED_BY = "account"  # the identity key that a buyer's caps go by
CODE_CHARS = 48  # of the promotion's code: what is put behind it must still fit
DIGEST_SIGNS = 8
NAMES = (
    "budget-units", "budget-money", "claims", "buyer-orders", "buyer-units", "buyer-money",
    "buyer-claims",
)  # fmt: skip


def rule_code(code: str, name: str) -> str:
    """What a rule of a promotion is called; a long code by its beginning and its digest, so that
    no two share a budget.
    """
    if len(code) > CODE_CHARS:
        digest = hashlib.sha256(code.encode()).hexdigest()[:DIGEST_SIGNS]
        code = f"{code[: CODE_CHARS - DIGEST_SIGNS - 1]}-{digest}"
    return f"{code}.{name}"


def rule_codes(code: str) -> list[str]:
    """What the rules of a promotion are called, there or not."""
    return [rule_code(code, name) for name in NAMES]


def uncounted(book: PriceBook, proposed: Sequence[Promotion]) -> list[Problem]:
    """Promotions with a budget or cap that may meet another such on one line.

    The desk charges a line's rules by the one promotion that the line names: of two the other's
    budget would be given away without end.
    """
    names = {one.code for one in proposed}
    counted = {k: one for k, one in enumerate(book.promotions) if one.is_counted}
    masks = set(book.masks)
    problems = []
    for place, one in counted.items():
        if one.code not in names:
            continue
        beside = 0  # promotions that reach any of its SKUs
        for mask in masks:
            beside |= mask if mask >> place & 1 else 0
        meets = [
            other.code
            for k, other in counted.items()
            if k != place
            and (beside & ~book.rules[place].conflicts) >> k & 1
            and overlap(one, other)
        ]
        if meets:
            why = (
                f"it may meet {listed(meets)} on one line; both have a budget, claims or caps, and"
                " the desk counts one promotion a line"
            )
            mend = "give both one exclusive_group, or keep budget and caps of one of them"
            problems.append(Problem(one.code, ("budget",), why, mend))
    return problems


def overlap(one: Promotion, other: Promotion) -> bool:
    """Whether there is a moment at which both are on."""
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms


def left_of(machine: Any, code: str) -> Room:  # noqa: ANN401  the engine's
    """What the desk's rules still let a promotion give, in all; what they charge is theirs to say.

    A budget that was never put is none. Orders that are being decided may take it meanwhile.
    """
    units, money_fen, uses = (_left(machine, rule) for rule in rule_codes(code)[:3])
    return Room(units, money_fen, uses)


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
    coupon = promotion.coupon or Coupon()
    for name, basis, amount in (
        ("units", "units", budget.units),
        ("money", "discount", budget.money_fen),
    ):
        if amount is not None:
            yield _rule(promotion.code, f"budget-{name}", basis, {}, amount)
    if coupon.claims_max is not None:  # so often it was claimed, so many orders may use it
        yield _rule(promotion.code, "claims", "orders", {}, coupon.claims_max)
    for name, basis, amount in (
        ("orders", "orders", limits.buyer_orders),
        ("units", "units", limits.buyer_units),
        ("money", "discount", limits.buyer_discount_fen),
        ("claims", "orders", coupon.claims_per_buyer_max),
    ):
        if amount is not None:
            yield _rule(promotion.code, f"buyer-{name}", basis, {COUNTED_BY: amount}, None)


def _rule(
    code: str, name: str, basis: str, limits: dict[str, int], budget: int | None
) -> f.PutRule:
    return f.PutRule(
        code=rule_code(code, name),
        scope="promotion",
        target=code,
        basis=basis,
        limits=limits,
        budget=budget,
    )
