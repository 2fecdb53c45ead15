"""The capability table: what is unknown is taken the safe way, what is known has its source."""

import re

import pytest

from tidegate.channels.capabilities import TOPICS, UnknownKind, capabilities_of, cells
from tidegate.channels.capability_cells import TABLE


def test_every_kind_has_every_topic_once() -> None:
    assert [row.kind for row in TABLE] == [
        "taobao", "jd", "pinduoduo", "douyin", "kuaishou", "wechat", "app", "webhook", "files",
        "vendure",
    ]  # fmt: skip
    for row in TABLE:
        assert [topic for topic, _ in cells(row)] == list(TOPICS)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.kind)
def test_a_value_has_its_source_date_and_mark_and_no_value_has_none(row: object) -> None:
    for topic, cell in cells(row):  # type: ignore[arg-type]
        if cell.value is None:
            assert (cell.source, cell.dated, cell.mark) == ("", "", ""), topic
        else:
            assert cell.source, topic
            assert re.fullmatch(r"20\d\d-\d\d-\d\d", cell.dated), topic
            assert cell.mark, topic


def test_nothing_said_in_the_trade_counts_as_verified() -> None:
    marks = {cell.mark: cell.verified for row in TABLE for _, cell in cells(row)}
    assert marks == {"V": True, "own": True, "V-": False, "K": False, "": False}


@pytest.mark.parametrize(
    ("kind", "adds", "may_refuse", "restores_unpaid", "restores_paid", "closes"),
    [
        ("taobao", True, True, True, True, "unpaid"),
        ("pinduoduo", True, True, True, True, "none"),
        ("douyin", False, True, True, True, "none"),  # nothing known: the safe way everywhere
        ("wechat", True, True, True, False, "unpaid"),
        ("webhook", True, True, True, True, "any"),
        ("files", False, True, True, True, "none"),
    ],
)
def test_code_asks_the_table(
    kind: str, adds: bool, may_refuse: bool, restores_unpaid: bool, restores_paid: bool, closes: str
) -> None:
    row = capabilities_of(kind)
    assert row.adds_stock is adds
    assert row.may_refuse_reduction is may_refuse
    assert row.restores_itself(was_paid=False) is restores_unpaid
    assert row.restores_itself(was_paid=True) is restores_paid
    assert row.may_close == closes


def test_a_kind_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownKind, match="no kind of channel 'ebay'; there are: taobao, jd"):
        capabilities_of("ebay")
