"""What one run of the demo found, as one object that `--json` writes and the table reads.

Always holds: a figure here was counted by the judge, the model or a clock of this run. Never here:
formatting.
"""

import os
import platform
from dataclasses import replace
from typing import Any

import msgspec

import tidegate
from tidegate.demo import published
from tidegate.demo.crowd import ASSUMPTIONS, PRODUCTS, Crowd, CrowdFigures
from tidegate.demo.erp_model import ErpOutcome, ErpParameters, simulate
from tidegate.demo.judge import MarketplaceShop, OwnShop, Verdict
from tidegate.demo.observer import Opening
from tidegate.demo.stalled_figures import StalledFeed
from tidegate.demo.watch_act import WatchFigures


class Kill(msgspec.Struct, kw_only=True, frozen=True):
    """The SIGKILL in the middle of the crowd and what it took to carry on."""

    answered_before: int
    requests_cut_off: int  # under way when the connections broke; all repeated with the same id
    ready_again_s: float  # from the signal to "ready"


class Act(msgspec.Struct, kw_only=True, frozen=True):
    """One act of the night: how long it took and how many answers it brought."""

    name: str
    seconds: float
    answers: int = 0
    busy: int = 0

    @property
    def answers_per_s(self) -> float:
        """Answers a second, 0 where an act has none."""
        return self.answers / self.seconds if self.seconds > 0 else 0.0


class GuardSaid(msgspec.Struct, kw_only=True, frozen=True):
    """What the price guard said of the wrong discount, the evening before."""

    verdict: str
    seconds: float
    below: dict[str, int]  # products below their floor, with the lowest price of a box
    receipt: list[str]  # of the smallest basket
    floor_fen: int
    receivable_fen: int


class ErpRun(msgspec.Struct, kw_only=True, frozen=True):
    """One variant of the model ERP."""

    name: str
    chinese: str
    parameters: ErpParameters
    outcome: ErpOutcome


class NightResult(msgspec.Struct, kw_only=True):
    """Everything."""

    seed: int
    scale: float
    stock_units: tuple[int, ...]
    approved_units: tuple[int, ...]
    crowd: CrowdFigures
    erp: list[ErpRun]
    verdict: Verdict
    refused_by_floor_first: int  # orders refused in the first minutes, before the approval
    kill: Kill
    opening: Opening | None
    guard: GuardSaid | None = None
    stalled: StalledFeed | None = None
    watch: WatchFigures | None = None
    acts: list[Act]
    faults: list[str]

    @property
    def own(self) -> OwnShop:
        """The own shop's figures."""
        return self.verdict.own

    @property
    def marketplace(self) -> MarketplaceShop:
        """The marketplace shop's figures."""
        return self.verdict.marketplace


def erp_runs(crowd: Crowd) -> list[ErpRun]:
    """The model as assumed, and two kinder variants that fail all the same."""
    base = ErpParameters().scaled(crowd.scale)
    variants = (
        ("as assumed", "按假设参数", base),
        (
            "platform counts down by itself",
            "平台自行扣减",
            replace(base, platform_counts_down=True),
        ),
        ("24 times as fast", "处理能力 24 倍", replace(base, deduction_us=base.deduction_us // 24)),
    )
    return [
        ErpRun(
            name=name,
            chinese=chinese,
            parameters=parameters,
            outcome=simulate(crowd.orders, crowd.stock_units, parameters),
        )
        for name, chinese, parameters in variants
    ]


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that names a host or a person."""
    return {
        "cores": os.cpu_count() or 0,
        "architecture": platform.machine(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "tidegate": tidegate.__version__,
    }


def as_json(result: NightResult, machine: dict[str, Any]) -> bytes:
    """The whole result with the published figures and the assumptions beside it."""
    return msgspec.json.encode(
        {
            "what": "tidegate demo",
            "published": {
                "buyers": published.BUYERS,
                "orders_of_50_or_more": published.ORDERS_OF_50_OR_MORE,
                "largest_order_boxes": published.LARGEST_ORDER_BOXES,
                "noticed_after_ms": published.NIGHT_MS,
            },
            "assumptions": ASSUMPTIONS,
            "products": [product.code for product in PRODUCTS],
            "machine": machine,
            **msgspec.to_builtins(result),
        }
    )
