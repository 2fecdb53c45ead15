"""What must hold of promotions, one by one and together, before they can be compiled.

Always finds every problem, not just the first, and each says its place and its mend. What one field
alone can break is refused by its type (`tidegate.pricing.effects`); the kinds' own rules stand in
`tidegate.pricing.effect_checks`. Nothing here looks at prices that come out: that is the guard's.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tidegate.pricing.buyers import CLASSES_MAX, Axes, words_in
from tidegate.pricing.compiling import SINGLE_UNIT_KINDS, order_key, phase_of
from tidegate.pricing.effect_checks import Found, effect_problems
from tidegate.pricing.effects import BundlePrice, FreeShipping, Gift
from tidegate.pricing.problems import Problem, listed
from tidegate.pricing.promotion import Promotion, Scope
from tidegate.pricing.rule import UNITS
from tidegate.pricing.scopes import Scopes

PROMOTIONS_MAX = 1000


def problems_in(promotions: Sequence[Promotion], scopes: Scopes) -> list[Problem]:
    """Everything that keeps these promotions from being compiled for this catalogue."""
    problems = [Problem("", *found) for found in catalogue_problems(promotions, scopes)]
    for promotion in promotions:
        for path, why, mend in own_problems(promotion, scopes):
            problems.append(Problem(promotion.code, path, why, mend))
    return problems + together_problems(promotions)


def catalogue_problems(promotions: Sequence[Promotion], scopes: Scopes) -> Iterator[Found]:
    """SKU codes that stand twice, and too many promotions."""
    if len(scopes.number_of) < len(scopes.skus):
        codes = [sku.code for sku in scopes.skus]
        twice = [one for one, next_one in pairwise(codes) if one == next_one]
        yield ("catalogue",), f"SKU {listed(twice)} stands twice", "keep one row for each SKU"
    if len(promotions) > PROMOTIONS_MAX:
        why = f"{len(promotions)} promotions, at most {PROMOTIONS_MAX} stand together"
        yield (), why, "take out those that are over"


def own_problems(promotion: Promotion, scopes: Scopes) -> Iterator[Found]:
    """What is wrong with one promotion by itself."""
    yield from code_problems(promotion)
    if promotion.end_ms <= promotion.start_ms:
        yield ("end",), "it ends before it starts, or at once", "set an end after the start"
    yield from scope_problems(promotion, scopes)
    yield from limit_problems(promotion)
    yield from effect_problems(promotion, scopes)


def codes_of(promotion: Promotion) -> list[tuple[tuple[str, ...], str]]:
    """The words that lead to a promotion, each with its place."""
    words: list[tuple[tuple[str, ...], str]] = [(("code",), promotion.code)]
    if promotion.coupon is not None and promotion.coupon.code is not None:
        words.append((("coupon", "code"), promotion.coupon.code))
    return words


def code_problems(promotion: Promotion) -> Iterator[Found]:
    """Words that a person reads as another one: full width, spaces, signs that nobody sees."""
    for path, word in codes_of(promotion):
        plain = "".join(unicodedata.normalize("NFKC", word).split())
        if word != plain or not word.isprintable():
            shown = "".join(sign for sign in plain if sign.isprintable())
            why = f"the code {word!r} has full-width letters, spaces or signs that nobody sees"
            yield path, why, f"write {shown}"


def scope_problems(promotion: Promotion, scopes: Scopes) -> Iterator[Found]:
    """Unknown codes, nothing in it, SKUs without a cost."""
    scope = promotion.scope
    if isinstance(promotion.effect, BundlePrice):
        if scope != Scope():
            yield ("scope",), "a bundle's scope is its parts", "leave the scope out"
        return
    for field, codes, known in (
        ("skus", scope.skus, scopes.number_of),
        ("categories", scope.categories, scopes.of_category),
        ("except_skus", scope.except_skus, scopes.number_of),
        ("except_categories", scope.except_categories, scopes.of_category),
    ):
        unknown = [code for code in codes if code not in known]
        if unknown:
            noun = "SKU" if field.endswith("skus") else "category"
            yield (
                ("scope", field),
                f"unknown {noun} {listed(unknown)}",
                "correct or remove the code",
            )
    if scope.all and (scope.skus or scope.categories):
        yield ("scope",), "it says all and names some too", "say all, or name them"
    reached = scopes.named(scope)
    if not reached:
        yield ("scope",), "the scope is empty", "name SKUs or categories, or say all: true"
    without = [scopes.skus[n].code for n in reached if not scopes.has_cost[n]]
    if without:
        why = f"no cost is known of {listed(without)}"
        yield ("scope",), why, "set the cost, or name them in except_skus"


def limit_problems(promotion: Promotion) -> Iterator[Found]:
    """Caps that a kind cannot keep."""
    limits = promotion.limits
    in_units = phase_of(promotion) == UNITS
    if limits.order_units is not None and not (
        in_units and isinstance(promotion.effect, SINGLE_UNIT_KINDS)
    ):
        why = "a cap of units is for percent, amount off and fixed prices of single units"
        yield ("limits", "order_units"), why, "cap with times_max, or set level: item"
    if limits.order_discount_fen is not None and (
        in_units or isinstance(promotion.effect, Gift | FreeShipping)
    ):
        why = "a cap of money needs one sum to take the discount off"
        mend = "set level: shop, where the sum is reduced, or cap the units"
        yield ("limits", "order_discount"), why, mend


def together_problems(promotions: Sequence[Promotion]) -> list[Problem]:
    """Codes that stand twice, references that lead nowhere, unlock conditions that cannot hold."""
    problems = []
    owners: dict[str, str] = {}
    for promotion in promotions:
        for path, word in codes_of(promotion):
            alike = word.casefold()  # nobody tells them apart at a till
            if alike in owners:
                why = f"the code {word} is used by {owners[alike]} already"
                problems.append(Problem(promotion.code, path, why, "give each its own code"))
            owners.setdefault(alike, promotion.code)
    classes = Axes(promotions).count
    if classes > CLASSES_MAX:
        most = max(promotions, key=lambda one: words_in(one.buyers))
        why = f"the promotions tell {classes:,} kinds of buyers apart, at most {CLASSES_MAX:,} do"
        problems.append(Problem(most.code, ("buyers",), why, "name fewer levels and regions"))
    by_code = {promotion.code: promotion for promotion in promotions}
    for promotion in promotions:
        found = reference_problems(promotion, by_code)
        problems += [Problem(promotion.code, *problem) for problem in found]
    return problems


def reference_problems(promotion: Promotion, by_code: dict[str, Promotion]) -> Iterator[Found]:
    """What a promotion says about others."""
    unknown = [code for code in promotion.combines_with or () if code not in by_code]
    if unknown:
        yield ("combines_with",), f"unknown promotion {listed(unknown)}", "correct the code"
    unknown = [code for code in promotion.requires if code not in by_code]
    if unknown:
        yield ("requires",), f"unknown promotion {listed(unknown)}", "correct the code"
    if is_cyclic(promotion, by_code):
        yield ("requires",), "it requires itself, by way of others", "break the circle"
        return
    for code in promotion.requires:
        if code in by_code and order_key(by_code[code]) > order_key(promotion):
            why = f"{code} is evaluated later, so this could never apply"
            yield ("requires",), why, f"give {code} a smaller priority or an earlier level"


def is_cyclic(promotion: Promotion, by_code: dict[str, Promotion]) -> bool:
    """Whether its unlock conditions lead back to it."""
    seen: set[str] = set()
    todo = list(promotion.requires)
    while todo:
        code = todo.pop()
        if code == promotion.code:
            return True
        if code not in seen and code in by_code:
            seen.add(code)
            todo += by_code[code].requires
    return False
