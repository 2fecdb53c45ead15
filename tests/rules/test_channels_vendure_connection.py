"""What `tidegate channel connect --adapter vendure` asks for before anything is stored.

Always: a connection that could not work, or would show the password, is refused with what to do.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.connection import Settings, connections, put_connection
from tidegate.channels.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "channels.db")
    yield made
    made.close()


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "vendure.password"
    path.touch(0o600)
    path.write_text("secret\n", "utf-8")
    return str(path)


def test_a_whole_connection_is_stored_without_the_password(ledger: Ledger, password: str) -> None:
    settings = Settings(address="https://shop.example", user="t", password_file=password)
    put_connection(ledger, "vendure", "vendure", "vendure", settings)
    (stored,) = connections(ledger)
    assert stored.settings == settings
    assert "secret" not in str(ledger.ask("SELECT settings FROM connection"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": ""}, "Vendure's address is http"),
        ({"address": "http://shop.example"}, "use https: over http the password"),
        ({"user": ""}, 'Vendure needs --settings \'{"user": "…"'),
        ({"password_file": ""}, 'Vendure needs --settings \'{"user": "…"'),
    ],
)
def test_what_is_missing_or_unsafe_is_said(
    ledger: Ledger, password: str, fields: dict[str, str], words: str
) -> None:
    whole = {"address": "https://shop.example", "user": "t", "password_file": password}
    with pytest.raises(ValueError, match=words):
        put_connection(ledger, "v", "vendure", "vendure", Settings(**{**whole, **fields}))
    assert connections(ledger) == []


def test_a_password_file_that_is_not_there_or_not_private_is_refused(
    ledger: Ledger, password: str
) -> None:
    Path(password).chmod(0o640)
    settings = Settings(address="https://shop.example", user="t", password_file=password)
    with pytest.raises(ValueError, match="may be read by others: chmod 600"):
        put_connection(ledger, "v", "vendure", "vendure", settings)
    Path(password).unlink()
    with pytest.raises(FileNotFoundError):
        put_connection(ledger, "v", "vendure", "vendure", settings)
    assert connections(ledger) == []
