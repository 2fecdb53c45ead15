"""One buyer, one key: which spellings are the same value, and which values identify nobody."""

import pytest

from tidegate.people.normalise import KIND_NAMES, IdentityMalformed, normalise
from tidegate.record.lines import KEY_KINDS

ACCOUNT, PHONE, ADDRESS, DEVICE = range(4)


def test_the_kinds_are_those_of_a_line() -> None:
    assert KIND_NAMES == KEY_KINDS


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ACCOUNT, " u1\t", "u1"),
        (ACCOUNT, "Ann", "Ann"),
        (ACCOUNT, "a*b", "a*b"),
        (PHONE, "13812345678", "8613812345678"),
        (PHONE, "+8613812345678", "8613812345678"),
        (PHONE, "+86 138-1234-5678", "8613812345678"),
        (PHONE, "86 138 1234 5678", "8613812345678"),
        (PHONE, "0086 138 1234 5678", "8613812345678"),
        (PHONE, "１３８１２３４５６７８", "8613812345678"),
        (PHONE, " 138 1234 5678 转 12", "8613812345678"),
        (PHONE, "021-5555 6666", "862155556666"),
        (PHONE, "+86 (0)21 5555 6666", "862155556666"),
        (PHONE, "+852 2123 4567", "85221234567"),
        (PHONE, "+1 (415) 555-2671 ext. 4", "14155552671"),
        (PHONE, "(+44) 20 7946 0958", "442079460958"),
        (ADDRESS, "上海市 浦东新区\u3000张江路１２号", "上海市浦东新区张江路12号"),
        (ADDRESS, "12 High St., Flat B", "12highst.,flatb"),
        (ADDRESS, "张江路\u200b12号\n2栋", "张江路12号2栋"),
        (DEVICE, " a1B2 ", "a1B2"),
    ],
)
def test_a_value_has_one_spelling(kind: int, value: str, expected: str) -> None:
    assert normalise(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ACCOUNT, ""),
        (ACCOUNT, "   "),
        (ACCOUNT, "t**1"),
        (ACCOUNT, "u" * 513),
        (PHONE, ""),
        (PHONE, "138****5678"),
        (PHONE, "138*5678"),
        (PHONE, "1234"),
        (PHONE, "1" * 19),
        (PHONE, "no number"),
        (PHONE, "٠١٢٣٤٥٦٧٨٩٠"),
        (ADDRESS, "\u200b\u00a0"),
        (ADDRESS, "上海市张**"),
        (ADDRESS, "上海市张＊＊"),
        (ADDRESS, "路" * 513),
        (DEVICE, "\n"),
    ],
)
def test_what_identifies_nobody_is_refused_and_not_repeated(kind: int, value: str) -> None:
    with pytest.raises(IdentityMalformed) as refused:
        normalise(kind, value)
    assert KIND_NAMES[kind] in str(refused.value)
    assert not value.strip() or value not in str(refused.value)
