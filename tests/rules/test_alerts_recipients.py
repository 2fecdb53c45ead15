"""Who is told: the file, its privacy, its rota; what a message looks like on each way."""

import datetime as dt
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidegate.watch.alerts.recipients import (
    Level,
    RecipientsUnusable,
    changed,
    parsed,
    read_recipients,
    write_recipients,
)
from tidegate.watch.alerts.sending_process import Asked, fault_in_body, mark

GOOD = """
[ways]
group = "dingtalk://s3cret@t0ken"
phone = "json://gateway.example.com"
[recipients]
a = ["group"]
b = ["phone", "group"]
[[level]]
rota = ["a", "b"]
since = 2026-11-02
turn_days = 2
handover_hour = 9
[[level]]
tell = ["b"]
"""


def test_a_file_is_private_or_it_is_not_used(tmp_path: Path) -> None:
    assert read_recipients(tmp_path) is None
    assert changed(tmp_path) == (0, 0)
    written = write_recipients(tmp_path, GOOD)
    path = tmp_path / "alerts.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_recipients(tmp_path) == written
    before = changed(tmp_path)
    write_recipients(tmp_path, GOOD.replace("turn_days = 2", "turn_days = 3"))
    assert changed(tmp_path) != before
    path.chmod(0o640)
    with pytest.raises(RecipientsUnusable, match="open to others"):
        read_recipients(tmp_path)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(RecipientsUnusable, match="cannot be read"):
        read_recipients(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["alerts.toml"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (("[ways]", "[ways"), "not TOML: at line 2"),
        (("dingtalk://", "dingtalk//"), "ways.group: an address as apprise writes it"),
        (('"dingtalk://s3cret@t0ken"', "7"), "Expected `str`, got `int` - at `$.ways[...]`"),
        (('a = ["group"]', "a = []"), "recipients.a: one or more of the ways"),
        (('a = ["group"]', 'a = ["no-such"]'), "recipients.a: one or more of the ways"),
        (('a = ["group"]', '"13812345678" = ["group"]'), "a duty, no person"),
        (('rota = ["a", "b"]', 'rota = ["a", "c"]'), "level 1: one or more of the recipients"),
        (('tell = ["b"]', "tell = []"), "level 2: one or more of the recipients"),
        (("turn_days = 2", "turn_days = 0"), "Expected `int` >= 1"),
        (("turn_days", "turn_dais"), "unknown field `turn_dais`"),
        (("[ways]", 'zone = "Mars/Base"\n[ways]'), "zone: no such time zone"),
        (("[ways]", 'escalate_from = "never"\n[ways]'), "Invalid enum value"),
        (("[ways]", "acknowledge_within_min = 0.1\n[ways]"), ">= 0.5"),
        (("phone =", "x = 1\nphone ="), "Expected `str`, got `int`"),
    ],
)
def test_what_is_wrong_is_said_without_any_address(changes: tuple[str, str], why: str) -> None:
    with pytest.raises(RecipientsUnusable) as refused:
        parsed(GOOD.replace(*changes))
    assert why in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "t0ken" not in str(refused.value)


def test_printing_shows_no_address() -> None:
    assert repr(parsed(GOOD)) == str(parsed(GOOD)) == "Recipients(2 ways, 2 levels)"


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-11-02T09:00", "a"),
        ("2026-11-04T08:59", "a"),
        ("2026-11-04T09:00", "b"),
        ("2026-11-06T09:00", "a"),
        ("2026-10-31T09:00", "b"),  # before the first turn: the turns go back in the same order
    ],
)
def test_turns_change_at_their_hour(moment: str, who: str) -> None:
    level = Level((), ("a", "b"), 2, dt.date(2026, 11, 2), 9)
    assert level.on_duty(dt.datetime.fromisoformat(moment)) == (who,)


def test_steps_beyond_the_last_tell_everybody_on_duty() -> None:
    known = parsed(GOOD)
    at_ms = int(dt.datetime(2026, 11, 2, 2, tzinfo=dt.UTC).timestamp() * 1000)  # 10:00 there
    assert known.at_step(0, at_ms) == (("a", "group"),)
    assert known.at_step(1, at_ms) == (("b", "phone"), ("b", "group"))
    assert known.at_step(2, at_ms) == (("a", "group"), ("b", "phone"), ("b", "group"))
    assert [known.wait_ms(step) // 60_000 for step in (0, 1, 2)] == [5, 30, 30]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"errcode": 0, "errmsg": "ok"}', ""),  # DingTalk, WeCom
        (b'{"errcode": 310000, "errmsg": "sign not match"}', "errcode 310000"),
        (b'{"errcode": 93000, "errmsg": "invalid webhook url"}', "errcode 93000"),
        (b'{"code": 0, "msg": "success", "data": {}}', ""),  # Feishu
        (b'{"StatusCode": 0, "StatusMessage": "success"}', ""),
        (b'{"code": 19021, "msg": "sign match fail"}', "code 19021"),
        (b'{"code": 200}', ""),  # SMS gateways
        (b'{"code": "OK"}', ""),
        (b'{"code": "isv.OUT_OF_SERVICE"}', "code isv.OUT_OF_SERVICE"),
        (b"ok", ""),
        (b"[1]", ""),
        (b"{}", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_an_answer_of_200_may_say_that_it_was_none(body: bytes, fault: str) -> None:
    assert fault_in_body(body) == (f"the receiver answered {fault}" if fault else "")


def test_the_key_goes_where_a_way_has_room_for_it() -> None:
    asked = Asked(1, "json://x", "title", "body", "tidegate-1", 3)
    both = SimpleNamespace(headers={"A": "b"}, payload_extras={"phone": "duty"})
    assert mark(both, asked) == "body"
    assert both.headers == {
        "A": "b", "X-Tidegate-Alert-Key": "tidegate-1", "Idempotency-Key": "tidegate-1",
    }  # fmt: skip
    assert both.payload_extras == {"phone": "duty", "alert_key": "tidegate-1", "alert_level": "3"}
    assert mark(SimpleNamespace(), asked) == "body\n(tidegate-1)"
