"""What the filter for personal data finds, and what it must let pass."""

import pytest

from tidegate.people.filter import (
    TEXT_LENGTH_MAX,
    PersonalDataFound,
    clean,
    find,
    find_in_id,
    is_id_card,
    is_luhn,
    require_clean_id,
    require_clean_text,
)

PERSONAL = [
    ("13812345678", "phone"),
    ("T13812345678", "phone"),
    ("8613812345678", "phone"),
    ("008613812345678", "phone"),
    ("138-1234-5678", "phone"),
    ("+86 138 1234 5678", "phone"),
    ("+1 (415) 555-2671", "phone"),
    ("+852 2123 4567", "phone"),
    ("021-55556666", "phone"),
    ("１３８１２３４５６７８", "phone"),
    ("138\u200b1234\u200b5678", "phone"),
    ("a.b+c@example.com", "email"),
    ("a＠example.com", "email"),
    ("11010519491231002X", "id_card"),
    ("11010519491231002x", "id_card"),
    ("id 11010519491231002X!", "id_card"),
    ("4111111111111111", "bank_card"),
    ("4111 1111 1111 1111", "bank_card"),
    ("6222021234567890128", "bank_card"),
    ("371449635398431", "bank_card"),
]
HARMLESS = [
    "T-1",
    "20261026-000123",
    "2026102600001",
    "2810365789012345678",  # an order number of a marketplace
    "12345678901",  # eleven digits, but no mobile number
    "11010519491231002",  # seventeen
    "110105194912310021",  # a wrong check sign
    "4111111111111112",  # a wrong check sum
    "550e8400-e29b-41d4-a716-446655440000",
    "138123456789",  # one digit too many
    "2026-10-26T00:00:01.250+08:00",
    "price 1.00+2.00=3.00",
    "A@B",
]


@pytest.mark.parametrize(("text", "kind"), PERSONAL)
def test_personal_data_is_found_in_ids_and_texts(text: str, kind: str) -> None:
    assert [finding.kind for finding in find(text)] == [kind]
    in_id = find_in_id(text)
    assert in_id is not None
    assert in_id.kind == kind


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_not_personal_passes(text: str) -> None:
    assert find(text) == []
    assert find_in_id(text) is None
    assert require_clean_id(text) == text
    assert require_clean_text(text) == text
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("call 13812345678 or a@b.cn now", "call [phone] or [email] now"),
        ("请联系一三八一二三四五六七八", "请联系[phone]"),
        ("送到上海市浦东新区张江路12号", "送到上海[address]"),
        ("库存盘点差异，3号仓库", "库存盘点差异，3号仓库"),
        ("x" * TEXT_LENGTH_MAX, "x" * TEXT_LENGTH_MAX),
        ("x" * (TEXT_LENGTH_MAX + 1), "x" * TEXT_LENGTH_MAX + "[...]"),
        ("卡 6222 0212 3456 7890 128。", "卡 [bank_card]。"),
    ],
)
def test_texts_are_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean(cleaned) == cleaned or len(cleaned) > TEXT_LENGTH_MAX


def test_a_run_of_digits_in_an_id_is_a_card_only_with_an_issuers_prefix() -> None:
    number = "5610591081018250"  # passes the check sum; no issuer of that prefix is known here
    assert is_luhn(number)
    assert [finding.kind for finding in find(number)] == ["bank_card"]
    assert find_in_id(number) is None


def test_a_letter_is_long() -> None:
    text = "a" * 150 + " 13812345678 " + "b" * 150
    assert [finding.kind for finding in find(text)] == ["long_text", "phone"]


def test_a_refusal_says_kind_and_place_and_never_the_data() -> None:
    with pytest.raises(PersonalDataFound) as refused:
        require_clean_id("order-13812345678")
    assert "phone at character 7" in str(refused.value)
    assert "138" not in str(refused.value)
    with pytest.raises(PersonalDataFound) as refused:
        require_clean_text("ask a.b@example.com")
    assert "email at character 5" in str(refused.value)
    assert "example" not in str(refused.value)


def test_every_digit_of_an_id_card_counts() -> None:
    right = "11010519491231002X"
    assert is_id_card(right)
    for place in range(17):
        wrong = str((int(right[place]) + 1) % 10)
        assert not is_id_card(right[:place] + wrong + right[place + 1 :])
