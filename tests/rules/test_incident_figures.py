"""The figures of an incident against a naive count over what the journal says, event by event."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tidegate.incident.evidence import Evidence, gather
from tidegate.incident.figures import Analysis, Scope, analyse, first_below_floor, rows, what_if
from tidegate.incident.tables import open_tables
from tidegate.journal.protocol import BATCH, CLAIM, Entry
from tidegate.record.readable import readable_events
from tidegate.testing.story import told

SEEDS = (1, 5, 8)


def entries_of(payloads: list[bytes]) -> list[Entry]:
    """Payloads as entries, a claim in front."""
    made = [Entry(1, 1, CLAIM, b"0" * 32, b"1" * 32, b"")]
    return made + [
        Entry(seq, 1, BATCH, b"0" * 32, bytes([seq % 256]) * 32, payload)
        for seq, payload in enumerate(payloads, 2)
    ]


class Naive:
    """Ten lines over the exported events, and a few more for each figure."""

    def __init__(self, payloads: list[bytes]) -> None:
        events = [event for payload in payloads for event in readable_events(payload)]
        fresh = [event for event in events if event["event"] in ("order", "sale")]
        self.repeats = sum(event["duplicate"] for event in fresh)
        fresh = [event for event in fresh if not event["duplicate"]]
        self.reasons = Counter(event["reason"] for event in fresh)
        self.sold = [event for event in fresh if event["reason"] == "accepted"]
        self.units = [sum(line["quantity"] for line in event["lines"]) for event in self.sold]
        self.money = sum(line["receivable_fen"] for e in self.sold for line in e["lines"])
        self.minutes = Counter(event["at_ms"] // 60_000 for event in self.sold)
        self.by_sku: dict[int, int] = defaultdict(int)
        for event in self.sold:
            for line in event["lines"]:
                self.by_sku[line["sku"]] += line["quantity"]


@pytest.fixture(scope="module", params=SEEDS)
def night(request: pytest.FixtureRequest) -> Iterator[tuple[Naive, Evidence, Any]]:
    payloads = told(request.param, 300).scene.entries
    evidence = gather(entries_of(payloads))
    connection = open_tables(evidence)
    yield Naive(payloads), evidence, connection
    connection.close()


@pytest.fixture
def made(night: tuple[Naive, Evidence, Any]) -> Analysis:
    return analyse(night[2], night[1])


def test_totals_are_those_of_a_naive_count(
    night: tuple[Naive, Evidence, Any], made: Analysis
) -> None:
    naive = night[0]
    assert len(naive.sold) > 100
    assert (made.total["orders"], made.total["asked"]) == (len(naive.sold), naive.reasons.total())
    assert (made.total["units"], made.total["receivable_fen"]) == (sum(naive.units), naive.money)
    assert made.total["largest_units"] == max(naive.units)
    assert made.as_of["repeats_left_out"] == naive.repeats > 0


def test_groups_are_those_of_a_naive_count(
    night: tuple[Naive, Evidence, Any], made: Analysis
) -> None:
    naive, _, connection = night
    assert {row["reason"]: row["orders"] for row in made.by_reason} == dict(naive.reasons)
    minutes = {
        int(row["minute"].replace(tzinfo=dt.UTC).timestamp()) // 60: row["orders"]
        for row in made.by_minute
    }
    assert minutes == dict(naive.minutes)
    numbers = dict(connection.execute("SELECT sku, number FROM skus").fetchall())
    by_sku = {numbers.get(row["sku"], row["sku"]): row["units"] for row in made.by_sku}
    known = {sku: units for sku, units in naive.by_sku.items() if sku in numbers.values()}
    assert {sku: by_sku[sku] for sku in known} == known
    for row in made.sizes:
        taken = [units for units in naive.units if units >= row["at_least"]]
        assert (row["orders"], row["units"]) == (len(taken), sum(taken))


def test_every_way_of_grouping_adds_up(made: Analysis) -> None:
    for name in ("orders", "units", "receivable_fen", "below_floor_fen"):
        for groups in (made.by_minute, made.by_channel, made.by_state):
            assert sum(row[name] for row in groups) == made.total[name]
    assert sum(row["units"] for row in made.by_promotion) == made.total["units"]
    assert sum(row["units"] for row in made.by_sku) == made.total["units"]
    assert [row["units"] for row in made.top_orders] == sorted(
        (row["units"] for row in made.top_orders), reverse=True
    )


def test_scopes_cut_along_time_channel_and_sku(night: tuple[Naive, Evidence, Any]) -> None:
    _, evidence, connection = night
    whole = analyse(connection, evidence).total["orders"]
    middle = (evidence.from_ms + evidence.until_ms) // 2
    early = analyse(connection, evidence, Scope(until_ms=middle)).total["orders"]
    late = analyse(connection, evidence, Scope(from_ms=middle)).total["orders"]
    assert 0 < early < whole
    assert early + late == whole
    channels = analyse(connection, evidence).by_channel
    for row in channels:
        if not row["channel"].startswith("#"):
            one = analyse(connection, evidence, Scope(channel=row["channel"]))
            assert one.total["orders"] == row["orders"]
    for sku in analyse(connection, evidence).by_sku[:3]:
        if not sku["sku"].startswith("#"):
            one = analyse(connection, evidence, Scope(sku=sku["sku"]))
            assert one.total["orders"] == sku["orders"]
    assert analyse(connection, evidence, Scope(channel="nope")).total["orders"] == 0


def test_what_if_begins_at_the_first_and_ends_with_all(night: tuple[Naive, Evidence, Any]) -> None:
    _, evidence, connection = night
    first = first_below_floor(connection)
    assert first is not None
    found = what_if(connection, (0, 1, 10**9))
    assert found[0]["orders"] == 0 < found[1]["orders"] <= found[2]["orders"]
    whole = analyse(connection, evidence).total
    assert found[2]["orders"] == whole["orders_below_floor"]
    assert found[2]["below_floor_fen"] == whole["below_floor_fen"]


def test_states_follow_the_operations(night: tuple[Naive, Evidence, Any], made: Analysis) -> None:
    assert {"cancelled", "shipped", "paid"} <= {row["state"] for row in made.by_state}
    assert "refused" not in {row["state"] for row in made.by_state}
    (count,) = night[2].execute("SELECT count(*) FROM orders WHERE state = 'refused'").fetchone()
    assert count == made.total["asked"] - made.total["orders"]


def test_no_table_leads_back_to_a_token(night: tuple[Naive, Evidence, Any]) -> None:
    _, evidence, connection = night
    tokens = {int(t) for kind in range(4) for t in evidence.orders[f"key{kind}"].tolist() if t}
    shown = connection.execute("SELECT account, phone, address, device, buyer FROM ordered")
    seen = {value for row in shown.fetchall() for value in row if value is not None}
    assert len(tokens) > 10
    assert seen.isdisjoint(tokens)
    again = open_tables(evidence)
    other = {row[0] for row in again.execute("SELECT account FROM ordered").fetchall()}
    again.close()
    assert other.isdisjoint(seen) or other == {None}
    names = {row[2] for row in connection.execute("SHOW ALL TABLES").fetchall()}
    columns = {
        row[0] for name in names for row in connection.execute(f'DESCRIBE "{name}"').fetchall()
    }
    assert not columns & {"key0", "key1", "key2", "key3"}


@pytest.mark.parametrize(
    "question",
    [
        "COPY ordered TO '/tmp/never.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "ATTACH '/tmp/never.db'",
        "EXPORT DATABASE '/tmp/never'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "not sql at all",
    ],
)
def test_nothing_gets_out_or_in(night: tuple[Naive, Evidence, Any], question: str) -> None:
    with pytest.raises(duckdb.Error):
        rows(night[2], question)


def test_a_stretch_without_orders_has_empty_figures() -> None:
    evidence = gather(entries_of(told(3, 0).scene.entries))
    connection = open_tables(evidence)
    made = analyse(connection, evidence)
    assert (made.total["orders"], made.total["buyers"], made.by_minute) == (0, 0, [])
    assert first_below_floor(connection) is None
    assert what_if(connection, (1, 60)) == []
    connection.close()


def test_nothing_at_all_has_empty_figures() -> None:
    evidence = gather([])
    connection = open_tables(evidence)
    assert analyse(connection, evidence).total["orders"] == 0
    connection.close()
