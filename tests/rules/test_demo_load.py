"""The load process gets an answer to everything, through busy servers and lost connections.

Against a tiny server in this file: it decides by id and stock, says "busy" to some, and can drop
every connection in the middle as a killed process does.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tidegate.demo.answers import REPEATED_LATER, read_heard
from tidegate.demo.crowd import PRODUCTS, Crowd, make_crowd
from tidegate.demo.job import Job, write_job
from tidegate.demo.judge import Case, judge_marketplace, judge_own_shop
from tidegate.demo.load import run_job
from tidegate.demo.progress import ProgressFile

CODES = [product.code for product in PRODUCTS]


@dataclass
class TinyShop:
    """An honest shop of one limit and one stock, without a floor."""

    stock: list[int]
    busy_every: int = 0  # every n-th request is told to come back
    drop_after: int = 0  # after so many requests all connections end, once
    decided: dict[str, dict[str, object]] = field(default_factory=dict)
    bought: dict[tuple[str, str], int] = field(default_factory=dict)
    requests: int = 0
    dropped: bool = False
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def decide(self, order: dict[str, object]) -> tuple[int, dict[str, object]]:
        name = str(order["id"])
        if name in self.decided:
            answer = self.decided[name]
            return (200 if answer["reason"] == "accepted" else 409), {**answer, "duplicate": True}
        reason = self.judge(order)
        self.decided[name] = {"id": name, "reason": reason, "seq": len(self.decided)}
        return (201 if reason == "accepted" else 409), self.decided[name]

    def judge(self, order: dict[str, object]) -> str:
        lines = [(str(line["sku"]), int(line["quantity"])) for line in order["lines"]]  # type: ignore[attr-defined]
        keys = list(order["buyer"].items())  # type: ignore[attr-defined]
        limits = {"account": 2, "phone": 4}
        for sku, units in lines:
            if any(self.bought.get((v, sku), 0) + units > limits[k] for k, v in keys):
                return "limit_exceeded"
        if any(self.stock[CODES.index(sku)] < units for sku, units in lines):
            return "stock_short"
        for sku, units in lines:
            self.stock[CODES.index(sku)] -= units
            for _, value in keys:
                self.bought[value, sku] = self.bought.get((value, sku), 0) + units
        return "accepted"

    def record(self, sale: dict[str, object]) -> dict[str, object]:
        name, short = str(sale["id"]), 0
        if name not in self.decided:
            for line in sale["lines"]:  # type: ignore[attr-defined]
                place = CODES.index(line["sku"])
                covered = min(int(line["quantity"]), max(0, self.stock[place]))
                self.stock[place] -= covered
                short += int(line["quantity"]) - covered
            judgement = ["stock_short"] if short else []
            self.decided[name] = {"id": name, "judgement": judgement, "short": short, "seq": 1}
            if len(self.decided) == 50:  # decided, but this once nobody can say so yet
                return {"status": 503, "reason": "undecided", "retry_after_s": 1}
        return self.decided[name]

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path.endswith("/orders"):
            status, said = self.decide(json.loads(body))
            return status, json.dumps(said).encode()
        if path.endswith("/sales:batch"):
            said_each = [json.dumps(self.record(json.loads(line))) for line in body.splitlines()]
            return 200, "\n".join(said_each).encode() + b"\n"
        verdicts = [json.dumps(self.release(json.loads(line))) for line in body.splitlines()]
        return 200, "\n".join(verdicts).encode() + b"\n"

    def release(self, asked: dict[str, object]) -> dict[str, object]:
        assert asked["operation"] == "release"
        if int(str(self.decided[str(asked["order"])]["short"])):
            return {"status": 409, "reason": "stock_short_at_release"}
        return {"status": 200, "reason": "accepted"}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                body = await reader.readexactly(length)
                self.requests += 1
                status, said = self.answer(head.split(" ")[1], body)
                if self.drop_after and self.requests > self.drop_after and not self.dropped:
                    self.dropped = True  # decided, and the answer never arrives
                    for other in self.writers:
                        other.transport.abort()
                    return
                extra = ""
                if self.busy_every and self.requests % self.busy_every == 0:
                    status, said, extra = 503, b"", "Retry-After: 0\r\n"
                writer.write(
                    f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(said)}\r\n\r\n".encode()
                    + said
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            return


class Running:
    """A TinyShop behind a port, on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def start(self, shop: TinyShop) -> int:
        async def listen() -> int:
            server = await asyncio.start_server(shop.talk, "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(listen(), self.loop).result(10)

    def stop(self) -> None:
        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running()
    yield one
    one.stop()


def job_for(folder: Path, crowd: Crowd, port: int, kind: str, name: str, **more: object) -> Job:
    crowd.save(folder / "crowd.npz")
    ProgressFile.create(folder / f"{name}.progress")
    fields: dict[str, object] = {
        "kind": kind,
        "host": "127.0.0.1",
        "port": port,
        "shop": "own",
        "key": "k",
        "crowd_file": str(folder / "crowd.npz"),
        "answers_file": str(folder / f"{name}.answers"),
        "progress_file": str(folder / f"{name}.progress"),
        "channel": "web",
        "midnight_ms": 1_000,
        "last_attempt": len(crowd.attempts),
        "connections": 8,
        "batch_lines": 100,
        "patience_s": 20.0,
    }
    return Job(**(fields | more))  # type: ignore[arg-type]


def test_every_order_is_answered_through_busy_answers_and_a_lost_server(
    tmp_path: Path, running: Running
) -> None:
    crowd = make_crowd(3, 0.01)
    shop = TinyShop(list(crowd.stock_units), busy_every=7, drop_after=500)
    port = running.start(shop)
    counts = run_job(job_for(tmp_path, crowd, port, "orders", "night", tries_again=True))
    own = judge_own_shop(
        crowd,
        Case(
            crowd_file="",
            own_answers=[str(tmp_path / "night.answers")],
            own_available=shop.stock,
        ),
    )
    assert counts.finished == 1
    assert 1 <= counts.lost <= 16  # eight connections, two requests under way on each
    assert 1 <= counts.busy <= shop.requests // 7
    assert own.ids == len(shop.decided)
    assert own.ids > len(crowd.orders)  # some came back with a new id
    assert own.answers == counts.answered
    assert own.oversold_units == 0
    assert own.buyers_over_limit == 0
    assert own.phones_over_limit == 0
    assert own.ids_charged_twice == 0
    assert own.answers_that_differ == 0
    assert own.units_server_differs == 0
    assert own.double_clicks == int((crowd.attempts["kind"] == 1).sum())


def test_two_processes_share_the_crowd_and_race_for_its_double_clicks(
    tmp_path: Path, running: Running
) -> None:
    crowd = make_crowd(4, 0.005)
    shop = TinyShop(list(crowd.stock_units))
    port = running.start(shop)
    processes = []
    for part in (0, 1):
        job = job_for(tmp_path, crowd, port, "orders", f"part{part}", part=part, parts=2)
        write_job(tmp_path / f"{part}.json", job)
        command = [sys.executable, "-m", "tidegate.demo.load", str(tmp_path / f"{part}.json")]
        processes.append(subprocess.Popen(command))
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (tmp_path / "0.json").stat().st_mode & 0o777 == 0o600
    own = judge_own_shop(
        crowd,
        Case(
            crowd_file="",
            own_answers=[str(tmp_path / f"part{part}.answers") for part in (0, 1)],
            own_available=shop.stock,
        ),
    )
    assert own.answers == len(crowd.attempts)
    assert own.ids == len(crowd.orders)
    assert own.ids_charged_twice == 0
    assert own.answers_that_differ == 0
    assert own.units_server_differs == 0


def test_named_pairs_are_repeated_with_the_same_id(tmp_path: Path, running: Running) -> None:
    crowd = make_crowd(5, 0.002)
    port = running.start(TinyShop(list(crowd.stock_units)))
    np.save(tmp_path / "pairs.npy", np.array([[3, 1], [4, 2]]))
    job = job_for(
        tmp_path,
        crowd,
        port,
        "orders",
        "audit",
        last_attempt=0,
        pairs_file=str(tmp_path / "pairs.npy"),
        pairs_kind=REPEATED_LATER,
    )
    assert run_job(job).answered == 2
    heard = sorted(read_heard(tmp_path / "audit.answers"))
    assert [(h.order, h.try_number, h.kind) for h in heard] == [(3, 1, 3), (4, 2, 3)]


def test_sales_and_releases_go_in_batches(tmp_path: Path, running: Running) -> None:
    crowd = make_crowd(6, 0.005)
    shop = TinyShop(list(crowd.stock_units), drop_after=4)
    port = running.start(shop)
    sold = run_job(job_for(tmp_path, crowd, port, "sales", "sales"))
    assert sold.answered == len(crowd.attempts)
    assert sold.finished == 1
    asked = run_job(job_for(tmp_path, crowd, port, "release", "release"))
    assert asked.answered == len(crowd.orders)
    result = judge_marketplace(
        crowd,
        Case(
            crowd_file="",
            sales_answers=[str(tmp_path / "sales.answers")],
            release_answers=[str(tmp_path / "release.answers")],
        ),
    )
    assert result.sales == len(crowd.orders)
    assert result.debt_units == result.debt_units_naive
    assert result.answers_that_differ == 0
    assert result.released_over_stock_units == 0
    assert result.unexpected_answers == 0


def test_without_a_server_patience_ends(tmp_path: Path) -> None:
    crowd = make_crowd(7, 0.001)
    counts = run_job(job_for(tmp_path, crowd, 1, "orders", "none", patience_s=0.2))
    assert counts.finished == 2
    assert counts.answered == 0


def test_wrong_usage_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tidegate.demo.load"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == b"usage: python -m tidegate.demo.load JOB.json\n"
