"""The small parts of the doors by themselves: keys that stand twice, languages, ids, shares."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engine.catalogue import Catalogue
from tidegate.engine.layout import BASIS_NAMES, WINDOW_NAMES
from tidegate.http import rule_figures
from tidegate.http.duplicate_keys import has_duplicate_keys, order_has_duplicate_keys
from tidegate.http.errors import Problem
from tidegate.http.ids import check_id, check_note
from tidegate.http.languages import language_of
from tidegate.http.order_lines import NO_KEYS, line_rows, moment_ms
from tidegate.http.schemas import Order
from tidegate.record.lines import CONTINUES, FACT, LINE, PAID, Array


def order_json(**changes: object) -> dict[str, Any]:
    order = {
        "id": "T-1", "channel": "web", "placed_at": 0, "charged_fen": 1,
        "lines": [{"sku": "A", "quantity": 1, "receivable_fen": 1}],
    }  # fmt: skip
    return order | changes


OPTIONAL = st.fixed_dictionaries(
    {},
    optional={
        "paid": st.booleans(),
        "platform_fen": st.integers(0, 5),
        "pricing_version": st.integers(0, 5),
        "verified": st.lists(st.sampled_from(["account", "phone"]), max_size=2),
        "buyer": st.fixed_dictionaries(
            {}, optional={kind: st.text(min_size=1, max_size=9) for kind in ("account", "device")}
        ),
        "placed_at": st.sampled_from([7, "2026-10-26T00:00:01.250+08:00", "2026-10-26T00:00:01Z"]),
        "id": st.text(min_size=1, max_size=12),
    },
)
LINES = st.lists(
    st.fixed_dictionaries(
        {"sku": st.text(min_size=1, max_size=5), "quantity": st.just(1),
         "receivable_fen": st.just(1)},
        optional={"promotion": st.text(max_size=3), "gift_of": st.just(0)},
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@given(OPTIONAL, LINES, st.booleans(), st.data())
def test_a_key_that_stands_twice_is_always_found_and_no_other(
    optional: dict[str, Any], lines: list[dict[str, Any]], spaced: bool, data: st.DataObject
) -> None:
    """Against the standard library's parser, for whole bodies and for one key written again."""
    order = order_json(**optional, lines=lines)
    separators = (", ", " : ") if spaced else (",", ":")
    text = json.dumps(order, ensure_ascii=data.draw(st.booleans()), separators=separators)
    body = text.encode()
    assert not order_has_duplicate_keys(body, msgspec.json.decode(body, type=Order))
    name = data.draw(st.sampled_from(sorted(order)))
    again = json.dumps({name: order[name]})[1:-1]
    escaped = again.replace(name[0], f"\\u{ord(name[0]):04x}", 1)
    for extra in (again, escaped):
        doubled = (text[:-1] + "," + extra + "}").encode()
        assert has_duplicate_keys(doubled)
        assert order_has_duplicate_keys(doubled, msgspec.json.decode(doubled, type=Order))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", "en"),
        (b"zh-CN", "zh-CN"),
        (b"zh", "zh-CN"),
        (b"ZH-Hant-TW", "zh-CN"),
        (b"en-GB,zh;q=0.9", "en"),
        (b"fr, zh;q=0.5, en;q=0.4", "zh-CN"),
        (b"de", "en"),
        (b"zh;q=0", "en"),
        (b"zh;q=x", "en"),
        (b"*", "en"),
        (b"\xff;;,,=", "en"),
        (b"zh," * 10_000, "zh-CN"),
    ],
)
def test_the_language_is_the_one_preferred_of_ours(header: bytes, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    "text", ["T-1", "订单-7", "a", "A.b_c:d@e+f=g", "x" * 64, "E2026102600001"]
)
def test_these_are_ids(text: str) -> None:
    check_id(text, "id")


@pytest.mark.parametrize(
    "text", ["a b", "a/b", "a\\b", "a?b", "a#b", "a%b", ".", "..", "a\n", "\u200b", "\u202ea"]
)
def test_these_are_no_ids(text: str) -> None:
    with pytest.raises(Problem):
        check_id(text, "id")


def test_notes_may_have_spaces_and_no_person() -> None:
    check_note("counted twice, 12 boxes short 已核对", "note")
    for text in ("call 13800138000", "mail a@example.com", "line\nbreak"):
        with pytest.raises(Problem):
            check_note(text, "note")


def rows_of(**changes: object) -> Array:
    order = msgspec.convert(order_json(**changes), Order)
    catalogue = Catalogue(skus={"A": 4}, promotions={"P": 9}, exceptions={"E": 2})
    packed = line_rows(
        order, (2**64 - 1, 7), moment_ms(order.placed_at), NO_KEYS, 3, catalogue, is_fact=False
    )
    return np.frombuffer(packed, LINE)


def test_an_order_becomes_rows_field_by_field() -> None:
    rows = rows_of(
        placed_at=5,
        paid=True,
        charged_fen=25,
        platform_fen=5,
        pricing_version=8,
        verified=["account", "address"],
        lines=[
            {"sku": "A", "quantity": 2, "receivable_fen": 20, "promotion": "P", "exception": "E"},
            {"sku": "?", "quantity": 1, "receivable_fen": 9, "gift_of": 1, "promotion": "?"},
        ],
    )
    assert rows[0].tolist() == (
        2**64 - 1, 7, 5, 0, 0, 0, 0, 20, 3, 1, 8, 0, 4, 2, 9, 2, 3, 0, PAID, 0b101,
    )  # fmt: skip
    assert rows[1].tolist() == (
        2**64 - 1, 7, 5, 0, 0, 0, 0, 9, 2, 0, 8, 0, 0xFFFF_FFFF, 1, 0xFFFF, 0, 3, 1,
        PAID | CONTINUES, 0b101,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("charged_fen", "platform_fen", "mismatch_fen"),
    [(10, 0, 0), (9, 1, 0), (11, 0, 1), (9, 0, -1), (2**40, 0, 2**31 - 1), (0, 0, -10)],
)
def test_what_does_not_add_up_stands_on_the_first_line(
    charged_fen: int, platform_fen: int, mismatch_fen: int
) -> None:
    lines = [{"sku": "A", "quantity": 1, "receivable_fen": 5}] * 2
    rows = rows_of(charged_fen=charged_fen, platform_fen=platform_fen, lines=lines)
    assert rows["mismatch_fen"].tolist() == [mismatch_fen, 0]


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=64), st.integers(0, 2**31 - 1))
def test_the_platforms_share_is_given_out_to_the_last_fen(
    received: list[int], platform_fen: int
) -> None:
    lines = [{"sku": "A", "quantity": 1, "receivable_fen": fen} for fen in received]
    rows = rows_of(platform_fen=platform_fen, lines=lines)
    assert int(rows["platform_fen"].astype(np.int64).sum()) == platform_fen
    assert (rows["platform_fen"] >= 0).all()


def test_a_fact_is_marked_as_one() -> None:
    order = msgspec.convert(order_json(), Order)
    packed = line_rows(order, (0, 0), 0, NO_KEYS, 0, Catalogue(), is_fact=True)
    assert np.frombuffer(packed, LINE)["flags"].tolist() == [FACT]


def test_the_names_of_windows_and_bases_are_the_engines() -> None:
    assert rule_figures.BASES == BASIS_NAMES
    assert rule_figures.WINDOWS == WINDOW_NAMES


@pytest.mark.parametrize(
    ("verified", "has", "asked", "limit"),
    [(0b01, 5, 2, 6), (0b10, 5, 2, 4), (0b11, 5, 1, 4), (0b11, 5, 2, 6), (0, 5, 2, 4)],
)
def test_the_limit_named_is_one_that_was_passed(
    verified: int, has: int, asked: int, limit: int
) -> None:
    figures = rule_figures.RuleFigures("L", "sku", 1, "units", "month", (6, 4, -1, -1), -1)
    assert figures.limit(has, asked, verified) == limit


def test_a_bundle_is_asked_for_in_its_parts() -> None:
    rows = rows_of(lines=[{"sku": "A", "quantity": 2, "receivable_fen": 1}])
    parts = {4: [(7, 3)]}
    of_part = rule_figures.RuleFigures("L", "sku", 7, "units", "total", (6, -1, -1, -1), -1)
    assert of_part.asked(rows, [], parts) == 6
    of_shop = rule_figures.RuleFigures("L", "shop", 0, "orders", "total", (6, -1, -1, -1), -1)
    assert of_shop.asked(rows, [], parts) == 1
