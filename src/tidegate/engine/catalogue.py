"""The names of a shop: which code has which number, and what a number hangs together with.

Numbers are dense, given in order, and never used again for another code. This is state like any
other: it changes only by `apply_fact`, and a snapshot keeps it.
"""

import msgspec

from tidegate.record.lines import NO_SKU

SHARED_POOL = "shared"


class Catalogue(msgspec.Struct):
    """Codes to numbers. Lists give the code back; number 0 of most is reserved for "none"."""

    skus: dict[str, int] = {}
    sku_codes: list[str] = []
    pools: dict[str, int] = msgspec.field(default_factory=lambda: {SHARED_POOL: 0})
    channels: dict[str, int] = {}
    channel_kinds: dict[str, str] = {}
    channel_pools: dict[str, int] = {}
    promotions: dict[str, int] = {}
    published: dict[str, str] = {}  # promotions' documents, as the guard checked them
    published_exceptions: dict[str, int] = {}  # under which one sells what was not proved
    groups: dict[str, int] = {}
    group_skus: dict[int, list[int]] = {}
    rules: dict[str, int] = {}
    rule_places: dict[int, tuple[str, int]] = {}
    rules_on: dict[str, list[int]] = {}
    sku_groups: dict[int, list[int]] = {}
    exceptions: dict[str, int] = {}
    parts: dict[int, list[tuple[int, int]]] = {}
    zone: str = "Asia/Shanghai"

    def sku_number(self, code: str) -> int:
        """The number of a SKU; NO_SKU when there is none."""
        return self.skus.get(code, NO_SKU)

    def promotion_number(self, code: str) -> int:
        """The number of a promotion; 65535, which is never given, when there is none."""
        return self.promotions.get(code, 0xFFFF)

    def exception_number(self, code: str) -> int:
        """The number of an exception; 65535, which is never given, when there is none."""
        return self.exceptions.get(code, 0xFFFF)

    def channel_number(self, code: str) -> int | None:
        """The number of a channel; None when there is none."""
        return self.channels.get(code)

    def code_of(self, table: str, number: int) -> str:
        """The code behind a number of `skus`, `promotions`, `rules` …; "" when there is none."""
        names: dict[str, int] = getattr(self, table)
        for code, value in names.items():
            if value == number:
                return code
        return ""

    def dump(self) -> bytes:
        """The catalogue as bytes, the same for the same facts."""
        return msgspec.msgpack.encode(self)


def load_catalogue(data: bytes) -> Catalogue:
    """A catalogue from `dump`."""
    loaded: Catalogue = msgspec.msgpack.decode(data, type=Catalogue)
    return loaded


Place = tuple[str, int]  # what a rule hangs on: scope and number


def place_key(place: Place) -> str:
    """A place as one word, for maps that a snapshot keeps."""
    return f"{place[0]}:{place[1]}"


def plan_of(
    catalogue: Catalogue, place: Place, changed: dict[str, list[int]], groups: dict[int, list[int]]
) -> list[int]:
    """The rules that reach a place, in number order; a SKU's include those of its groups.

    `changed` and `groups` stand in for the catalogue's own entries, to look ahead of a change.
    """

    def on(where: Place) -> list[int]:
        key = place_key(where)
        return changed.get(key, catalogue.rules_on.get(key, []))

    rules = set(on(place))
    if place[0] == "sku":
        for group in groups.get(place[1], catalogue.sku_groups.get(place[1], [])):
            rules.update(on(("group", group)))
    return sorted(rules)
