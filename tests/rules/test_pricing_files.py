"""Promotion files: what is malformed is refused with its line, its place and its mend.

Always through the reader that people's files go through, and the compiler behind it. One row, one
mistake.
"""

from pathlib import Path

import pytest

from tidegate.pricing.book import PriceBook
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Sku, canonical, promotion_hash
from tidegate.pricing.reading import read_json, read_yaml
from tidegate.pricing.schema import schema_text
from tidegate.testing.prices import catalogue

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
money_unit: yuan
utc_offset: "+08:00"
skus:
  - {code: A, list_price: 100, cost: 40, categories: [drinks]}
  - {code: B, list_price: 60, cost: 30}
  - {code: NEW, list_price: 60}
promotions:
"""
FIRST_LINE = HEAD.count("\n") + 1
GOOD: dict[str, str] = {
    "code": "P",
    "kind": "spend",
    "level": "shop",
    "scope": "{skus: [A, B]}",
    "start": "2026-10-26 00:00",
    "end": "2026-10-27 00:00",
    "deal": "50-5",
}


def file_with(**fields: str | None) -> str:
    """A file with one promotion: the good one with some fields changed, or taken out by None."""
    rows = {name: text for name, text in (GOOD | fields).items() if text is not None}
    body = "".join(f"    {name}: {text}\n" for name, text in rows.items())
    return HEAD + "  -" + body[3:]


def problems_of(text: str) -> list[str]:
    """What is wrong with a file, as a person sees it."""
    try:
        read_yaml(text).compile()
    except PromotionsRefused as refused:
        return [str(problem) for problem in refused.problems]
    return []


def test_the_good_one_is_good() -> None:
    assert problems_of(file_with()) == []


TIERS = {"deal": None}
ITEM = {"level": "item", "deal": None}
MALFORMED: list[tuple[str, dict[str, str | None], str]] = [
    (
        "overlapping tiers", TIERS | {"tiers": "[50-5, 50-6]"},
        "line 14: P effect.tiers.1: the tiers overlap; let each start above the one before",
    ),
    (
        "tiers that fall", TIERS | {"tiers": "[50-5, 80-4]"},
        (
            "line 14: P effect.tiers.1: this tier gives no more than the one before; "
            "remove it, or give more"
        ),
    ),
    (
        "a tier that gives more than it asks", {"deal": "50-300"},
        (
            "line 14: P effect.tiers.0: the tier gives as much as it asks, or more; "
            "check both amounts and their units"
        ),
    ),
    (
        "an every that gives all", {"kind": "every", "deal": "每满50减50"},
        (
            "line 14: P effect.off: the tier gives as much as it asks, or more; "
            "check both amounts and their units"
        ),
    ),
    (
        "tiers of two kinds", TIERS | {"tiers": "[50-5, 满3件打8折]"},
        (
            "line 14: P effect.tiers.1: tiers of different kinds cannot be told apart; "
            "use one kind of threshold and one kind of discount, or two promotions"
        ),
    ),
    (
        "an empty scope", {"scope": "{skus: [A], except_skus: [A]}"},
        "line 11: P scope: the scope is empty; name SKUs or categories, or say all: true",
    ),
    (
        "no scope", {"scope": None},
        "line 8: P scope: the scope is empty; name SKUs or categories, or say all: true",
    ),
    (
        "an unknown SKU", {"scope": "{skus: [A, X]}"},
        "line 11: P scope.skus: unknown SKU X; correct or remove the code",
    ),
    (
        "an unknown category", {"scope": "{categories: [drinks, wine]}"},
        "line 11: P scope.categories: unknown category wine; correct or remove the code",
    ),
    (
        "over 100 %", ITEM | {"kind": "percent_off", "discount": "120% off"},
        "line 14: P discount: 120 is over 100 %; check the number and its unit",
    ),
    (
        "an amount over the price", ITEM | {"kind": "amount_off", "off": "60"},
        (
            "line 14: P effect.off: 60.00 yuan off is 100 % or more of B; "
            "take off less, or name them in except_skus"
        ),
    ),
    (
        "all of them free", ITEM | {"kind": "cheapest_free", "pieces": "2", "free": "2"},
        "line 15: P effect.free: 2 free of 2 is 100 % or more; let fewer be free than are bought",
    ),
    (
        "end before start", {"end": "2026-10-25 00:00"},
        "line 13: P end: it ends before it starts, or at once; set an end after the start",
    ),
    (
        "end at its start", {"end": "2026-10-26 00:00"},
        "line 13: P end: it ends before it starts, or at once; set an end after the start",
    ),
    (
        "missing cost", {"scope": "all"},
        "line 11: P scope: no cost is known of NEW; set the cost, or name them in except_skus",
    ),
    (
        "a gift without a cost", ITEM | {"kind": "gift", "sku": "NEW", "pieces": "2"},
        "line 14: P effect.sku: no cost is known of NEW; set the cost",
    ),
    (
        "unit of a discount unclear", ITEM | {"kind": "percent_off", "discount": "0.8"},
        (
            "line 14: P discount: '0.8' may be what is paid or what is taken off; "
            "write 8折, 20% off, or pay 80%"
        ),
    ),
    (
        "a price in the wrong unit", ITEM | {"kind": "fixed_price", "price": "5900"},
        (
            "line 14: P effect.price: the price is above the list price of A, B; "
            "check its unit (fen or yuan)"
        ),
    ),
    (
        "no number", {"deal": "nan-5"},
        "line 14: P deal: 'nan' is no amount of money; write 50 yuan, 50元 or 5000 fen",
    ),
    (
        "huge", {"deal": "9999999999999999999-5"},
        (
            "line 14: P deal: '9999999999999999999' is no amount of money; "
            "write 50 yuan, 50元 or 5000 fen"
        ),
    ),
    (
        "a huge count", {"priority": "1000001"},
        "line 15: P priority: Expected `int` <= 1000000; write a value within these bounds",
    ),
    (
        "an unknown field", {"discont": "8折"},
        (
            "line 15: P discont: unknown field 'discont'; one of budget, buyers, code, "
            "combines_with, coupon, deal, end, exclusive_group, kind, level, limits, measured_on, "
            "name, opt_in, priority, requires, scope, shop_share, start, state, tiers"
        ),
    ),
    (
        "an unknown field below", {"buyers": "{lvl: [gold]}"},
        "line 15: P buyers.lvl: unknown field 'lvl'; one of new, levels, regions, channels",
    ),
    (
        "a field that is missing", {"end": None},
        "line 8: P end: end is missing; write end:",
    ),
    (
        "the kind is missing", {"kind": None},
        (
            "line 8: P kind: the kind is missing; write kind: and one of percent_off, amount_off, "
            "fixed_price, member_price, n_pieces, nth_piece, cheapest_free, spend, every, "
            "bundle_price, gift, add_on, free_shipping"
        ),
    ),
    (
        "the wrong level", {"kind": "nth_piece", "nth": "2", "discount": "5折", "deal": None},
        "line 10: P level: this kind prices single units; set level: item",
    ),
    (
        "a cap of money on units",
        ITEM | {"kind": "percent_off", "discount": "5折", "limits": "{order_discount: 50}"},
        (
            "line 15: P limits.order_discount: a cap of money needs one sum to take the discount "
            "off; set level: shop, where the sum is reduced, or cap the units"
        ),
    ),
    (
        "a member price for nobody", ITEM | {"kind": "member_price", "price": "50"},
        (
            "line 8: P effect.levels: a member price needs to know whose; "
            "name the levels under buyers.levels"
        ),
    ),
    (
        "unlocked by nothing", {"requires": "[Q]"},
        "line 15: P requires: unknown promotion Q; correct the code",
    ),
    (
        "unlocked by itself", {"requires": "[P]"},
        "line 15: P requires: it requires itself, by way of others; break the circle",
    ),
    (
        "the same thing twice", {"tiers": "[50-5]"},
        "line 15: P tiers: it says tiers again; keep one of them",
    ),
    (
        "an alias", {"deal": "*x"},
        "line 14: anchors and aliases are not read; write the value out",
    ),
    (
        "a tag", {"deal": "!!python/name:os.system x"},
        "line 14: tags are not read; remove the tag",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"), [pytest.param(*row[1:], id=row[0]) for row in MALFORMED]
)
def test_a_malformed_promotion_is_refused_with_its_place_and_its_mend(
    fields: dict[str, str | None], expected: str
) -> None:
    assert problems_of(file_with(**fields)) == [expected]


def test_a_circle_of_unlock_conditions_is_refused_at_each_of_its_members() -> None:
    second = file_with(code="Q", requires="[P]").removeprefix(HEAD)
    assert problems_of(file_with(requires="[Q]") + second) == [
        "line 15: P requires: it requires itself, by way of others; break the circle",
        "line 23: Q requires: it requires itself, by way of others; break the circle",
    ]


def test_a_promotion_that_could_never_unlock_is_refused() -> None:
    second = file_with(code="Q", level="platform").removeprefix(HEAD)
    assert problems_of(file_with(requires="[Q]") + second) == [
        (
            "line 15: P requires: Q is evaluated later, so this could never apply; "
            "give Q a smaller priority or an earlier level"
        )
    ]


@pytest.mark.parametrize("field", ["code: P", "code: Q\n    coupon: {code: P}"])
def test_a_code_that_stands_twice_is_refused(field: str) -> None:
    second = file_with().removeprefix(HEAD).replace("code: P", field)
    (problem,) = problems_of(file_with() + second)
    assert "the code P is used by P already; give each its own code" in problem


def test_every_mistake_is_told_at_once() -> None:
    text = file_with(deal="nan", start="now", levels="x") + "  - {code: Z}\n"
    assert [problem.split(":")[0] for problem in problems_of(text)] == [
        "line 12", "line 14", "line 15", "line 16",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("a: [", "not YAML"),
        ("promotions: []\n---\npromotions: []", "a second document"),
        ("promotions: []\npromotions: []", "promotions stands twice"),
        ("a: &x [1]\nb: *x", "anchors and aliases are not read"),
        ("[" * 40, "too much, or too deep"),
        ("{" * 40, "too much, or too deep"),
        ("promotions: " + "9" * 2_000, "a word of over 1000 characters"),
        ("? [a]\n: b", "a key must be a word"),
        ("x\ud800y: 1", "not YAML"),
        ("promotions: 3", "this is no list"),
        ("- a", "there are no promotions"),
        ("a: \x00", "not YAML"),
    ],
)
def test_a_text_that_is_no_plain_yaml_is_refused(text: str, why: str) -> None:
    (problem,) = problems_of(text)
    assert why in problem


def test_a_bomb_of_aliases_is_refused_where_it_starts() -> None:
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert problems_of("\n".join(rows)) == [
        "line 1: anchors and aliases are not read; write the value out"
    ]


def test_json_is_the_same_promotion_and_refused_by_its_path() -> None:
    made = read_yaml(file_with()).promotions
    data = b"[" + canonical(made[0]) + b"]"
    assert read_json(data) == made
    assert promotion_hash(read_json(data)[0]) == promotion_hash(made[0])
    for before, after, why in [
        (b'"off_fen":500', b'"off_fen":-5', "[0].effect.tiers[0].off_fen"),
        (b'"off_fen":500', b'"off_fen":NaN', "malformed"),
        (b'"off_fen":500', b'"off_fen":1e300', "[0].effect.tiers[0].off_fen"),
        (b'"level":"shop"', b'"level":"moon"', "[0].level"),
        (b'"kind":"spend"', b'"kind":"giveaway"', "[0].effect"),
    ]:
        with pytest.raises(PromotionsRefused) as refused:
            read_json(data.replace(before, after))
        (problem,) = refused.value.problems
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem.path)
        assert place.startswith(why) or why in problem.why.lower()


def test_the_schema_in_the_pages_is_made_from_the_types() -> None:
    page = ROOT / "docs" / "reference" / "promotion.schema.json"
    assert page.read_text("utf-8") == schema_text()


def test_the_example_on_the_page_is_read_as_it_stands() -> None:
    page = (ROOT / "docs" / "reference" / "pricing.md").read_text("utf-8")
    made = read_yaml(page.partition("```yaml\n")[2].partition("```")[0])
    (row,) = made.compile().promotions
    assert (row.code, row.level, row.shop_share_bp) == ("AUTUMN", "shop", 6_000)
    assert (row.limits.order_discount_fen, row.end_ms - row.start_ms) == (12_000, 86_400_000)


def test_a_catalogue_with_a_sku_twice_is_refused() -> None:
    with pytest.raises(PromotionsRefused, match="SKU A stands twice"):
        PriceBook((), (*catalogue(A=100), Sku("A", 200, 1)))


def test_a_json_file_that_says_a_field_twice_is_refused() -> None:
    """Whoever looks at it sees one, and what is checked may be the other."""
    one = (
        '[{"code": "P", "level": "item", "effect": {"kind": "percent_off", "pay_bp": 8000, '
        '"pay_bp": 385}, "start_ms": 0, "end_ms": 5, "scope": {"all": true}}]'
    )
    with pytest.raises(PromotionsRefused, match="pay_bp stands twice"):
        read_json(one.encode())
    assert read_json(one.replace(', "pay_bp": 385', "").encode())[0].code == "P"
