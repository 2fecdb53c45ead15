"""`tidegate people vault, rights, duties, keys` against a real server: a person from first to last.

No value of a person stands among the arguments. Each step says what came of it and how it ends.
"""

import importlib.util
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

House = Any  # command_line_house.py has the class
PHONE = "13612340077"
DELIVER = ("--purpose", "order.fulfil", "--ticket", "order T-1")


def beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with beside("command_line_house").opened_house("tea") as opened:
        notice = tmp_path_factory.mktemp("notice") / "notice.yaml"
        notice.write_text(opened.did("people", "notice", "example").out, "utf-8")
        opened.did("people", "notice", "publish", str(notice), who="boss")
        yield opened


@pytest.fixture(scope="module")
def person(house: House) -> str:
    who = "account:cli-buyer"
    house.did("people", "notice", "serve", who, who="boss")
    token = house.did("people", "vault", "person", who, who="boss").out.strip()
    values = [
        {"field": "phone", "value": PHONE, "purposes": ["order.fulfil"]},
        {"field": "name", "value": "溪边一石", "purposes": ["order.fulfil"]},
    ]
    put = house.did("people", "vault", "put", token, who="boss", typed=json.dumps(values))
    assert put.out == "2 values are held · 已保存\n"
    return str(token)


def people(house: House, *arguments: str, **how: Any) -> str:  # noqa: ANN401  as house.did
    return str(house.did("people", *arguments, who="boss", **how).out)


def test_values_are_read_masked_or_whole_and_found(house: House, person: str) -> None:
    read = ("vault", "read", person, "--field", "phone")
    assert people(house, *read, *DELIVER) == "phone  136****0077\n"
    assert people(house, *read, *DELIVER, "--whole") == f"phone  {PHONE}\n"
    assert people(house, "vault", "find", "phone", *DELIVER, typed=PHONE) == f"{person}\n"
    lines = people(house, "vault", "held", person).splitlines()
    assert [line.split()[0] for line in lines] == ["name", "phone"]
    refused = house.refused(
        "people", "vault", "read", person, "--field", "phone", "--purpose", "marketing.push",
        who="boss",
    )  # fmt: skip
    assert "wrong_purpose" in refused
    assert house.wrong("people", "vault", "put", person, who="boss", typed="") != ""
    assert "not JSON" in house.wrong("people", "vault", "put", person, who="boss", typed="{")


def test_who_has_not_the_office_sees_nothing(house: House, person: str) -> None:
    said = house.refused("people", "vault", "read", person, "--field", "phone", *DELIVER, who="ann")
    assert "privacy" in said


def test_a_request_goes_its_way_to_the_certificate(
    house: House, person: str, tmp_path: Path
) -> None:
    opened = people(house, "rights", "open", person, "copy", "--id", "copy-1")
    assert opened.startswith("copy-1  copy  received  due ")
    assert "identity_not_shown" in house.refused("people", "rights", "show", "copy-1", who="boss")
    people(house, "rights", "identify", "copy-1", "document_seen")
    page = tmp_path / "copy.html"
    assert "copy.html" in people(house, "rights", "show", "copy-1", "--to", str(page))
    assert PHONE in page.read_text("utf-8")
    assert page.stat().st_mode & 0o777 == 0o600

    refused = people(house, "rights", "open", person, "explain", "--id", "explain-1")
    assert "received" in refused
    ended = people(house, "rights", "refuse", "explain-1", "excessive", "asked and answered")
    assert ended.startswith("explain-1  explain  refused  ended ")

    people(house, "rights", "open", person, "delete", "--id", "delete-1")
    assert "delete-1" in people(house, "rights", "list")
    people(house, "rights", "identify", "delete-1", "account_session")
    said = people(house, "rights", "delete", "delete-1")
    assert said.startswith("erased: name, phone; kept by law: nothing; limit period ends ")
    certificate = json.loads(people(house, "rights", "get", "delete-1", "--json"))["outcome"]
    assert certificate["erased"] == ["name", "phone"]
    assert people(house, "vault", "held", person) == "nothing is held · 无记录\n"


def test_documents_take_two_and_the_pack_is_written_once(house: House, tmp_path: Path) -> None:
    source = tmp_path / "plan.json"
    source.write_text(json.dumps({"kind": "plan", "title": "incident plan", "held": "office"}))
    filed = people(house, "duties", "file", "paper", "incident-plan", str(source))
    assert filed == "paper incident-plan version 1 · 已归档\n"
    assert "somebody else" in house.refused(
        "people", "duties", "approve", "paper", "incident-plan", "1", who="boss"
    )
    assert "paper  incident-plan  1  approved=False" in people(house, "duties", "list")
    pack = tmp_path / "pack.zip"
    assert people(house, "duties", "inspection", str(pack)) == f"{pack}: 8 pages · 已生成\n"
    with zipfile.ZipFile(pack) as archive:
        assert len(archive.namelist()) == 16
    assert "there already" in house.wrong("people", "duties", "inspection", str(pack), who="boss")


def test_backups_of_keys_are_set_listed_and_refused_past_their_day(
    house: House, tmp_path: Path
) -> None:
    there = tmp_path / "keys"
    said = house.did("people", "keys", "backup-to", "tea", str(there), "--days", "20").out
    assert said == f"tea: keys go to {there} once a day, each backup for 20 days\n"
    house.wrong("people", "keys", "backup-to", "tea", str(there), "--days", "31")
    there.mkdir()
    old = there / "vault-keys-1-until-20000.db"
    old.write_bytes(b"")
    assert house.did("people", "keys", "list", str(there)).out == f"{old.name}  ends 2024-10-04\n"
    assert "ended on day 20000" in house.wrong("people", "keys", "restore", "tea", str(old))
