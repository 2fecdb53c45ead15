"""Every form of date and time that a shop may write: the UTC moment, or its refusal."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tidegate.imports import times
from tidegate.imports.refusal import CellRefused, ImportRefused

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONDON = ZoneInfo("Europe/London")


def moment(text: str, zone: ZoneInfo = SHANGHAI, order: str = "") -> str:
    """The UTC time, or the reason for which the cell is refused."""
    try:
        milliseconds = times.parse_time_ms(text, zone, order)
    except CellRefused as refused:
        return refused.reason
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")[:-6]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-10-26 00:00:01", "2021-10-25T16:00:01.000"),
        ("2021-10-26T00:00:01.250", "2021-10-25T16:00:01.250"),
        ("2021-10-26 00:00:01.2509", "2021-10-25T16:00:01.250"),
        ("2021-10-26T00:00:01Z", "2021-10-26T00:00:01.000"),
        ("2021-10-26 00:00:01+08:00", "2021-10-25T16:00:01.000"),
        ("2021-10-26 00:00:01 -0130", "2021-10-26T01:30:01.000"),
        ("2021/10/26 0:05", "2021-10-25T16:05:00.000"),
        ("2021.10.26", "2021-10-25T16:00:00.000"),
        ("2021-1-2 3:04", "2021-01-01T19:04:00.000"),
        ("20211026", "2021-10-25T16:00:00.000"),
        ("20211026000501", "2021-10-25T16:05:01.000"),
        ("20211026 0005", "2021-10-25T16:05:00.000"),
        ("2021年10月26日 0时5分1秒", "2021-10-25T16:05:01.000"),
        ("2021年10月26日0时5分", "2021-10-25T16:05:00.000"),
        ("2021年10月26日 9点", "2021-10-26T01:00:00.000"),
        ("2021年10月26日", "2021-10-25T16:00:00.000"),
        ("２０２１－１０－２６ ００：０５", "2021-10-25T16:05:00.000"),
        ("10/26/2021 1:05 PM", "2021-10-26T05:05:00.000"),
        ("26/10/2021 12:05 am", "2021-10-25T16:05:00.000"),
        ("5/5/2021", "2021-05-04T16:00:00.000"),
        ("1635177601", "2021-10-25T16:00:01.000"),
        ("1635177601250", "2021-10-25T16:00:01.250"),
        ("5/6/2021", "time_ambiguous"),
        ("13/13/2021", "time_unreadable"),
        ("2021-13-01", "time_unreadable"),
        ("2021-02-29", "time_unreadable"),
        ("2021-10-26 25:00", "time_unreadable"),
        ("2021-10-26 13:00 PM", "time_unreadable"),
        ("2021-10-26 00:00+99:00", "time_unreadable"),
        ("yesterday", "time_unreadable"),
        ("44495.5", "time_unreadable"),
        ("1899-12-30", "time_out_of_bounds"),
        ("9999999999999", "time_out_of_bounds"),
        ("", "time_missing"),
    ],
)
def test_a_time_in_shanghai(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2011-03-27 00:59", "2011-03-27T00:59:00.000"),
        ("2011-03-27 01:30", "time_does_not_exist"),
        ("2011-03-27 02:00", "2011-03-27T01:00:00.000"),
        ("2010-10-31 01:30", "2010-10-31T00:30:00.000"),  # it came twice: the first one
    ],
)
def test_clocks_that_are_changed_in_london(text: str, expected: str) -> None:
    assert moment(text, LONDON) == expected


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        (["5/6/2021", "13/6/2021"], "", "dmy"),
        (["5/6/2021", "6/13/2021"], "", "mdy"),
        (["5/6/2021", "6/5/2021"], "", ""),
        (["13/6/2021", "6/13/2021"], "", ""),  # each line then speaks for itself
        (["5/6/2021"], "mdy", "mdy"),
        (["2021-05-06", ""], "", ""),
    ],
)
def test_the_column_proves_which_comes_first(values: list[str], given: str, expected: str) -> None:
    assert times.date_order_of(values, given) == expected


def test_a_proven_order_settles_the_ambiguous_ones() -> None:
    assert moment("5/6/2021 08:00", SHANGHAI, "dmy") == "2021-06-05T00:00:00.000"
    assert moment("5/6/2021 08:00", SHANGHAI, "mdy") == "2021-05-06T00:00:00.000"
    assert moment("13/6/2021", SHANGHAI, "mdy") == "time_unreadable"


def test_an_unknown_zone_is_refused_with_what_to_do() -> None:
    with pytest.raises(ImportRefused, match="Asia/Shanghai"):
        times.shop_zone("Mars/Olympus")
    with pytest.raises(ImportRefused, match="no time zone"):
        times.shop_zone("../../etc/passwd")
