"""A buyer's keys as the identity exchange takes them, and its tokens as LINE rows hold them.

Values are handed on and forgotten; nothing here keeps, logs or repeats one.
"""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from tidegate.http.schemas import Buyer
from tidegate.record.lines import KEY_KIND_COUNT

Keys = list[tuple[int, str]]


def keys_of(buyer: Buyer | UnsetType) -> Keys:
    """(kind, value) of everything that is known of a buyer, in the order of KEY_KINDS."""
    keys: Keys = []
    if buyer is UNSET:
        return keys
    if buyer.account is not UNSET:
        keys.append((0, buyer.account))
    if buyer.phone is not UNSET:
        keys.append((1, buyer.phone))
    if buyer.address is not UNSET:
        keys.append((2, buyer.address))
    if buyer.device is not UNSET:
        keys.append((3, buyer.device))
    return keys


def by_kind(keys: Keys, tokens: Sequence[int]) -> list[int]:
    """Tokens in the places of their kinds, 0 where none was given."""
    placed = [0] * KEY_KIND_COUNT
    for place, token in enumerate(tokens):
        placed[keys[place][0]] = token
    return placed
