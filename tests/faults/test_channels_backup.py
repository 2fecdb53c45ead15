"""A backup has the channels' ledger, and the command line writes it beside or without a server."""

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate import bootstrap
from tidegate.bootstrap.channel_store import open_ledger
from tidegate.cli.channel import app
from tidegate.store_paths import StorePaths

SHOP = "own"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with one shop and its first administrator."""
    root = tmp_path / "store"
    access = bootstrap.open_access(bootstrap.new_store(root))
    access.operators.create_first_administrator("chief")
    access.store.close()
    bootstrap.create_shop(StorePaths(root).shop(SHOP), SHOP, "Asia/Shanghai")
    return root


def say(root: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `tidegate channel …`."""
    done = CliRunner().invoke(app, [*arguments, "--store", str(root), "--shop", SHOP])
    return done.exit_code, done.output


def test_what_was_connected_and_mapped_comes_back(root: Path, tmp_path: Path) -> None:
    assert say(root, "connect", "tmall", "--kind", "taobao", "--adapter", "folder")[0] == 0
    assert say(root, "map", "tmall", "TB-77", "A")[0] == 0
    bootstrap.back_up(root, tmp_path / "copy", lambda _reached, _goal: None)
    bootstrap.restore(tmp_path / "copy", tmp_path / "again", None, lambda _reached, _goal: None)
    ledger = open_ledger(tmp_path / "again", SHOP)
    assert ledger.ask("SELECT * FROM item") == [("tmall", "TB-77", "A")]
    assert ledger.ask("SELECT channel, kind, adapter FROM connection") == [
        ("tmall", "taobao", "folder")
    ]
    ledger.close()


def test_a_key_is_shown_once_and_private(root: Path) -> None:
    first = json.loads(say(root, "connect", "app", "--json")[1])
    again = json.loads(say(root, "connect", "app", "--json")[1])
    path = StorePaths(root).shop(SHOP).channel_key("app")
    assert (bytes.fromhex(first["key"]), again["key"]) == (path.read_bytes(), "")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("connect", "x", "--kind", "ebay"), "no kind of channel 'ebay'"),
        (("connect", "x", "--adapter", "telex"), "Invalid enum value 'telex'"),
        (("connect", "x", "--adapter", "bridge"), "a bridge needs its address"),
        (("connect", "../x"), "letters, digits, dots, dashes only"),
        (("connect", "x", "--settings", '{"poll": 3}'), "unknown field `poll`"),
        (("stop", "x"), "channel x is not connected"),
        (("run", "x"), "there is no run 'x'"),
        (("hold", "--name", "n", "--as", "nobody"), "no active operator 'nobody'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_line(
    root: Path, arguments: tuple[str, ...], why: str
) -> None:
    code, said = say(root, *arguments)
    assert code == 2
    assert why in said.replace("\n", " ")
