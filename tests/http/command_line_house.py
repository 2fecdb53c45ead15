"""A served store for the tests of the command line: `tidegate serve` as a process of its own.

Always: everything goes through the command line, the store is temporary, and no command's output
holds a key. Never: a made-up answer; those stand in test_command_line_client.py.
"""

import json
import os
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.demo.server import Server, free_port

ZONE = "Asia/Shanghai"
PEOPLE = {"ann": ("operator", "approver"), "bob": ("operator", "approver"), "vic": ("viewer",)}
FOLLOW_S = 60.0
OURS = ("TIDEGATE_", "LC_", "LANG")  # what would change what a command does or says


class Said(NamedTuple):
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401  JSON
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def plain(self) -> str:
        """Standard output with the numbers of entries and made-up ids left out."""
        return re.sub(r"cli-[a-z]{16}", "ID", re.sub(r"entry \d+", "entry N", self.out))


class How(TypedDict, total=False):
    """By whom a command is given, what is typed, what the environment says."""

    who: str
    typed: str | bytes | None
    env: dict[str, str] | None


class House:
    """The store, its server, and a key file for each person."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = ""  # as an operator has it in the environment
        self.keys: dict[str, str] = {}
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        room = ("--orders-max", "262144")
        arguments = ("serve", "--store", str(folder / "store"), "--port", str(port), *room)
        self.server = Server(arguments, port, folder / "server.log")

    def make(self, *shops: str) -> None:
        """A store with these shops, a channel of each kind in each, and the people."""
        init = self.run("init", "--administrator", "boss", "--json")
        self.keep_key("boss", init.document["key"])
        for shop in shops:
            self.did("shop", "create", shop)
        for name, roles in PEOPLE.items():
            self.did("operator", "add", name, "--as", "boss", *(f"--role={role}" for role in roles))
            self.keep_key(
                name, self.did("key", "issue", name, "--as", "boss", "--json").document["key"]
            )
        self.server.start()
        for shop in shops:
            self.did("channel", "put", "web", "--shop", shop)
            self.did("pool", "put", "tmall", "--shop", shop)
            market = ("--kind", "marketplace", "--pool", "tmall", "--shop", shop)
            self.did("channel", "put", "tmall", *market)

    def keep_key(self, name: str, key: str) -> None:
        """Into a file, as a person would keep it."""
        self.keys[name] = key
        (self.folder / f"{name}.key").write_text(key + "\n", "utf-8")

    def key_file(self, name: str) -> str:
        """That file."""
        return str(self.folder / f"{name}.key")

    def run(
        self,
        *arguments: str,
        who: str = "ann",
        typed: str | bytes | None = None,
        env: dict[str, str] | None = None,
    ) -> Said:
        """Run a command in this process; no key may be in what it writes, but a new one."""
        blank: dict[str, str | None] = {name: None for name in os.environ if name.startswith(OURS)}
        found = CliRunner().invoke(
            app,
            arguments,
            input=typed,
            env=blank
            | {"TIDEGATE_STORE": str(self.folder / "store"), "TIDEGATE_SERVER": self.address}
            | {"TIDEGATE_SHOP": self.shop}
            | ({"TIDEGATE_KEY_FILE": self.key_file(who)} if who else {})
            | (env or {}),
        )
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        for name, key in self.keys.items():
            assert key not in found.stdout + found.stderr, f"the key of {name} was written"
        return Said(found.exit_code, found.stdout, found.stderr)

    def did(self, *arguments: str, **how: Unpack[How]) -> Said:
        """A command that must be done."""
        said = self.run(*arguments, **how)
        assert (said.code, said.err) == (0, ""), said
        return said

    def refused(self, *arguments: str, **how: Unpack[How]) -> str:
        """The line of a command that must be refused."""
        said = self.run(*arguments, **how)
        assert (said.code, said.out) == (1, ""), said
        return said.err

    def wrong(self, *arguments: str, **how: Unpack[How]) -> str:
        """The line of a command that must not have been given like that, or had no answer."""
        said = self.run(*arguments, **how)
        assert (said.code, said.out) == (2, ""), said
        return said.err

    def place(self, order: str, *options: str, fen: int = 1000) -> Said:
        """An order of one unit of A from `web`, unless the options say else."""
        base = ("--channel", "web", "--sku", "A", "--receivable-fen", str(fen), "--id", order)
        return self.did("order", "place", *base, *options)

    def until_followed(self) -> None:
        """Until the views have taken in everything: before, they know no code."""
        until_s = time.monotonic() + FOLLOW_S
        while any(shop["views_lag_entries"] for shop in self.ready()["shops"]):
            assert time.monotonic() < until_s, "the views do not follow"

    def ready(self) -> Any:  # noqa: ANN401  JSON
        """What `/ready` says."""
        with urllib.request.urlopen(f"{self.address}/ready") as answer:
            return json.load(answer)

    def available(self, sku: str, channel: str = "web") -> int:
        """Units on sale."""
        found = self.did("stock", "available", sku, "--channel", channel, "--json").document
        return int(found["available"])


@contextmanager
def opened_house(*shops: str) -> Iterator[House]:
    """A house for one module's tests, in the zone of the shops."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-cli-"))
    house = House(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", ZONE)
        time.tzset()
        try:
            house.make(*shops)
            yield house
        finally:
            house.server.stop()
            shutil.rmtree(folder, ignore_errors=True)
    time.tzset()
