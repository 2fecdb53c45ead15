"""The three places where money is rounded, each with its name.

Always whole fen in and whole fen out, and parts always add up to their whole. Nothing here is ever
negative, and there is no other rounding in pricing.
"""

from collections.abc import Sequence

from tidegate.pricing.effects import BP

HALF_BP = BP // 2


def price_at(amount_fen: int, pay_bp: int) -> int:
    """R1: `pay_bp` of an amount, half a fen up. The discount is the difference, never rounded."""
    return (amount_fen * pay_bp + HALF_BP) // BP


def platform_part(discount_fen: int, platform_bp: int) -> int:
    """R2: the platform's part of a discount, a broken fen dropped: the shop bears what is left."""
    return discount_fen * platform_bp // BP


def shares(total_fen: int, weights: Sequence[int]) -> list[int]:
    """R3: a total over weights by largest remainder; equal remainders go to the earlier place.

    No share is above its weight while the total is not above their sum. With weights that are all
    zero the total must be zero.
    """
    whole = sum(weights)
    if not total_fen:
        return [0] * len(weights)
    if len(weights) == 1:
        return [total_fen]
    parts = [total_fen * weight // whole for weight in weights]
    left = total_fen - sum(parts)
    if left:
        places = sorted(
            range(len(weights)), key=lambda i: -(total_fen * weights[i] % whole)
        )  # sorted() keeps the order of equals
        for i in places[:left]:
            parts[i] += 1
    return parts
