"""Concurrent requests share one durable exchange; what is known is answered on the spot."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tidegate.desk.storage import Storage
from tidegate.people import exchange as exchange_module
from tidegate.people.exchange import ExchangeBusy, IdentityExchange, Keys
from tidegate.people.identity import IdentityTable, IdentityUnavailable
from tidegate.people.normalise import IdentityMalformed


class Asker:
    """An exchange as the tests ask it: tokens at once, or a future of them."""

    def __init__(self, exchange: IdentityExchange) -> None:
        self.exchange = exchange

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the exchange has
        return getattr(self.exchange, name)

    def resolve(self, keys: Keys) -> "list[int] | asyncio.Future[list[int]]":
        """The tokens, or where they will be."""
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

        def done(tokens: list[int], fault: BaseException | None) -> None:
            if answer.cancelled():
                return
            if fault is None:
                answer.set_result(tokens)
            else:
                answer.set_exception(fault)

        tokens = self.exchange.resolve(keys, done)
        return answer if tokens is None else tokens


Work = Callable[[Asker, IdentityTable], Coroutine[object, object, None]]


def run(path: Path, work: Work) -> None:
    """Do some work on a loop of its own, with a table and an exchange that are closed after it."""

    async def whole() -> None:
        table = IdentityTable.open(path / "identity.db", bytes(32), lambda: 20_750)
        exchange = IdentityExchange(table)
        storage = Storage("exchange")
        exchange.start(storage.submit)
        try:
            await work(Asker(exchange), table)
        finally:
            await exchange.stop()
            storage.stop()
            table.close()

    asyncio.run(whole())


def later(found: "list[int] | asyncio.Future[list[int]]") -> Awaitable[list[int]]:
    """The answer that has to be waited for."""
    assert isinstance(found, asyncio.Future)
    return found


def test_requests_of_one_turn_share_one_group(tmp_path: Path) -> None:
    async def work(exchange: Asker, table: IdentityTable) -> None:
        asked = [[(0, f"u{n}"), (1, f"138000000{n:02d}")] for n in range(40)]
        answers = await asyncio.gather(*(later(exchange.resolve(keys)) for keys in asked))
        assert exchange.groups_count == 1
        assert len({token for answer in answers for token in answer}) == 80
        for keys, answer in zip(asked, answers, strict=True):
            assert exchange.resolve(keys) == answer  # at once, and in the same order
            assert [table.token_or_zero(*key) for key in keys] == answer
        assert exchange.groups_count == 1

    run(tmp_path, work)


def test_the_same_new_buyer_twice_in_a_group_is_one_person(tmp_path: Path) -> None:
    async def work(exchange: Asker, _: IdentityTable) -> None:
        first, second = exchange.resolve([(0, "a")]), exchange.resolve([(0, "b"), (0, "a")])
        one, two = await asyncio.gather(later(first), later(second))
        assert two[1] == one[0] != two[0]

    run(tmp_path, work)


def test_a_request_without_keys_is_answered_at_once(tmp_path: Path) -> None:
    async def work(exchange: Asker, _: IdentityTable) -> None:
        assert exchange.resolve([]) == []

    run(tmp_path, work)


def test_large_requests_are_cut_into_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "GROUP_KEYS_MAX", 10)

    async def work(exchange: Asker, _: IdentityTable) -> None:
        sizes = (4, 4, 4, 30, 4)
        asked = [[(0, f"{n}-{at}") for at in range(size)] for n, size in enumerate(sizes)]
        answers = await asyncio.gather(*(later(exchange.resolve(keys)) for keys in asked))
        assert [len(answer) for answer in answers] == list(sizes)
        assert exchange.groups_count == 4  # 4+4, 4, 30, 4

    run(tmp_path, work)


def test_a_fault_reaches_everybody_who_waits_and_the_next_group_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(exchange: Asker, table: IdentityTable) -> None:
        with monkeypatch.context() as patch:

            def fail(_: object) -> list[int]:
                raise IdentityUnavailable("make room on the disk")

            patch.setattr(table, "tokens", fail)
            asked = [later(exchange.resolve([(0, f"u{n}")])) for n in range(3)]
            faults = await asyncio.gather(*asked, return_exceptions=True)
            assert [str(fault) for fault in faults] == ["make room on the disk"] * 3
        (token,) = await later(exchange.resolve([(0, "u1")]))
        assert token

    run(tmp_path, work)


def test_a_bug_is_not_swallowed_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(exchange: Asker, table: IdentityTable) -> None:
        def fail(_: object) -> list[int]:
            raise ZeroDivisionError

        monkeypatch.setattr(table, "tokens", fail)
        with pytest.raises(IdentityUnavailable, match="ZeroDivisionError") as raised:
            await later(exchange.resolve([(0, "u")]))
        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    run(tmp_path, work)


def test_whoever_gives_up_does_not_disturb_the_others(tmp_path: Path) -> None:
    async def work(exchange: Asker, _: IdentityTable) -> None:
        gone, stays = exchange.resolve([(0, "a")]), exchange.resolve([(0, "b")])
        assert isinstance(gone, asyncio.Future)
        gone.cancel()
        (token,) = await later(stays)
        assert token

    run(tmp_path, work)


def test_there_is_room_for_so_many_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "WAITING_KEYS_MAX", 3)

    async def work(exchange: Asker, _: IdentityTable) -> None:
        first = exchange.resolve([(0, "a"), (0, "b")])
        with pytest.raises(ExchangeBusy):
            exchange.resolve([(0, "c"), (0, "d")])
        second = exchange.resolve([(0, "c")])
        assert len(await later(first)) == 2
        assert len(await later(second)) == 1

    run(tmp_path, work)


def test_a_malformed_key_is_refused_before_anything_waits(tmp_path: Path) -> None:
    async def work(exchange: Asker, table: IdentityTable) -> None:
        with pytest.raises(IdentityMalformed):
            exchange.resolve([(0, "a"), (1, "138****0000")])
        await asyncio.sleep(0)
        assert exchange.groups_count == 0
        assert table.token_or_zero(0, "a") == 0

    run(tmp_path, work)


def test_stopping_answers_whoever_waits(tmp_path: Path) -> None:
    async def whole() -> None:
        table = IdentityTable.open(tmp_path / "identity.db", bytes(32), lambda: 20_750)
        exchange, storage = IdentityExchange(table), Storage("exchange")
        exchange.start(storage.submit)
        waiting = later(Asker(exchange).resolve([(0, "a")]))
        await exchange.stop()
        storage.stop()
        assert await waiting == [table.token_or_zero(0, "a")]
        table.close()

    asyncio.run(whole())
