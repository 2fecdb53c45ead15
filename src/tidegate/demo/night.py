"""The night, act by act, against a real server on this machine.

Always holds: the server is a process of its own, reached only by its command line and HTTP, and is
gone when this returns or raises. Never here: a judgement; the judge is another process.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from rich.console import Console

from tidegate.demo.answers import REPEATED_LATER, read_heard
from tidegate.demo.crowd import ASSUMPTIONS, PRODUCTS, Crowd, figures, make_crowd
from tidegate.demo.fleet import Fleet
from tidegate.demo.job import Job
from tidegate.demo.judge import Case, Verdict
from tidegate.demo.observer import BELOW_FLOOR, observe
from tidegate.demo.progress import Counts
from tidegate.demo.result import GuardSaid, Kill, NightResult, erp_runs
from tidegate.demo.server import Server
from tidegate.demo.shops import MARKETPLACE, OWN, PROMOTION, Shops, approved_units
from tidegate.demo.stage import Stage
from tidegate.demo.stalled import Stalled
from tidegate.demo.stalled_figures import StalledFeed
from tidegate.demo.watch_act import FAST, WatchAct, WatchFigures, told

FLOOR_MS: Final = 120_000  # so long the floor refuses everybody; then two people approve
KILL_AT: Final = 0.5  # share of the crowd's attempts answered when the server is killed
ID_PAIR: Final = np.int64
FAST_ATTEMPTS: Final = 4_000


class JudgeFailed(Exception):
    """The judge's process ended without a verdict."""


class Night:
    """One run: its folder, crowd, server, and the answers as they gather."""

    def __init__(self, folder: Path, crowd: Crowd, stage: Stage) -> None:
        self.folder = folder
        self.crowd = crowd
        self.stage = stage
        self.shops = Shops(folder, crowd)
        self.stalled = Stalled(folder, self.shops.store, crowd.seed)
        self.midnight_ms = 0
        self.kill_ms = 0
        self.case = Case(crowd_file=str(folder / "crowd.npz"))
        # Orders first sent while the floor refuses; their repeats stay as they were.
        self.first_approved = int(np.searchsorted(crowd.orders["at_ms"], FLOOR_MS))
        self.first_attempt = int(np.searchsorted(crowd.attempts["at_ms"], FLOOR_MS))

    @property
    def server(self) -> Server:
        """The server process."""
        return self.shops.server

    def job(self, kind: str, shop: str, **fields: object) -> Job:
        """A job for the load processes, with what all acts share."""
        return msgspec.convert(
            {
                "kind": kind,
                "shop": shop,
                "host": "127.0.0.1",
                "port": self.server.port,
                "key": self.shops.person_key if kind == "release" else self.shops.channel_key(shop),
                "channel": self.shops.channel(shop),
                "crowd_file": self.case.crowd_file,
                "answers_file": "",
                "progress_file": "",
                "midnight_ms": self.midnight_ms,
                "exceptions_from_order": self.first_approved,
                **fields,
            },
            Job,
        )

    def set_up(self) -> None:
        """The crowd to disk, the server up, both shops opened with goods, limits and keys."""
        self.crowd.save(Path(self.case.crowd_file))
        with self.stage.act("the engine is compiled, if it is not yet", "编译引擎（仅首次）"):
            for kernel in ("tidegate.engine.warm", "tidegate.watch.warm"):
                subprocess.run([sys.executable, "-m", kernel], check=False)
        with self.stage.act("the server starts on an empty store", "启动服务器"):
            self.shops.make_store()
            self.stalled.make()
            self.server.start()
        with self.stage.act("two shops open: catalogue, stock, limits, keys", "两店开业"):
            self.shops.open_both()
            act = WatchAct(self.server.port, self.shops.person_key)
            act.wait_announced((OWN, MARKETPLACE))
            self.stalled.open(self.shops.person_api)
        # The half hour is moved to end now: orders older than a day would be refused.
        self.midnight_ms = int(time.time() * 1000) - 30 * 60 * 1000

    def guard_refuses(self) -> GuardSaid:
        """The evening before: the wrong discount is checked, and does not go live."""
        title = ("the evening before: the price guard is asked", "前夜：价格闸检查错误折扣")
        with self.stage.act(*title):
            said = self.shops.ask_the_guard(OWN)
        self.stage.say(
            f"          refused in {said.seconds:.1f} s: {len(said.below)} of {len(PRODUCTS)} "
            f"products below their floor; one box leaves {said.receivable_fen / 100:.2f}, "
            f"the floor is {said.floor_fen / 100:.2f}",
            "当即拒绝发布",
        )
        for line in said.receipt:
            self.stage.quote(line)
        return said

    def floor_refuses(self) -> int:
        """The own shop's first two minutes; how many orders the floor refused."""
        job = self.job("orders", OWN, promotion=PROMOTION, last_attempt=self.first_attempt)
        fleet = Fleet(self.folder, job, "own-floor")
        title = ("own shop, first two minutes: the floor refuses", "自营店头两分钟：保本价拦截")
        with self.stage.act(*title, total=self.first_attempt) as watch:
            watch(fleet.run(watch))
        self.case.own_answers += fleet.answers
        refused = {
            heard.order
            for file in fleet.answers
            for heard in read_heard(Path(file))
            if BELOW_FLOOR.encode() in heard.body
        }
        return len(refused)

    def approve(self) -> None:
        """Two people force the wrong discount through; from now on orders name the exceptions."""
        self.shops.approve()
        self.case.approved_units = list(approved_units(self.crowd))
        self.stage.say(
            "          two people who have read it force it through: for three products 10 % more "
            "boxes than there are, for three 10 % fewer",
            "两人阅后仍强行发布：三款超库存一成，三款少一成",
        )

    def crowd_comes(self) -> Kill:
        """The crowd in the own shop, with one SIGKILL in the middle."""
        job = self.job(
            "orders",
            OWN,
            promotion=PROMOTION,
            exceptions=self.shops.exceptions(OWN),
            first_attempt=self.first_attempt,
            last_attempt=len(self.crowd.attempts),
            pairs_file=str(self._those_who_come_back()),
            tries_again=True,
        )
        fleet = Fleet(self.folder, job, "own-crowd")
        expected = len(self.crowd.attempts) - self.first_attempt
        kills: list[Kill] = []
        title = ("own shop: the crowd comes; kill -9 in the middle", "自营店：人潮涌入，中途强杀")
        with self.stage.act(*title, total=expected) as watch:

            def look(counts: Counts) -> None:
                watch(counts)
                if not kills and counts.answered >= expected * KILL_AT:
                    kills.append(self._kill_and_restart(counts))

            counts = fleet.run(look)
            watch(counts)
        self.case.own_answers += fleet.answers
        self.case.kill_ms = self.kill_ms
        if not kills:  # so small a crowd that it was over between two looks
            kills.append(self._kill_and_restart(counts))
            self.case.kill_ms = self.kill_ms
        kill = msgspec.structs.replace(kills[0], requests_cut_off=counts.lost)
        self.stage.say(
            f"          killed after {kill.answered_before:,} answers, ready again after "
            f"{kill.ready_again_s:.2f} s, {kill.requests_cut_off} requests repeated with the "
            "same id",
            "强杀后恢复，同号重发",
        )
        return kill

    def _kill_and_restart(self, counts: Counts) -> Kill:
        killed_s = self.server.kill()
        self.kill_ms = int(killed_s * 1000)
        self.server.start()
        return Kill(
            answered_before=counts.answered,
            requests_cut_off=0,
            ready_again_s=round(time.monotonic() - killed_s, 3),
        )

    def _those_who_come_back(self) -> Path:
        """(order, 2) of the first two minutes' buyers who try again, once there is an approval."""
        early = np.flatnonzero(self.crowd.orders["tries"][: self.first_approved] > 0)
        pairs = np.column_stack([early, np.full(len(early), 2)]).astype(ID_PAIR)
        return self._save_pairs("come-back", pairs)

    def _save_pairs(self, name: str, pairs: npt.NDArray[np.int64]) -> Path:
        path = self.folder / f"{name}.npy"
        np.save(path, pairs)
        return path

    def repeat_after_kill(self) -> None:
        """Every id answered before the kill once more: the answer must still be the same."""
        seen = {
            (heard.order, heard.try_number)
            for file in self.case.own_answers
            for heard in read_heard(Path(file))
            if heard.heard_ms < self.kill_ms
        }
        pairs = np.array(sorted(seen), ID_PAIR).reshape(-1, 2)
        job = self.job(
            "orders",
            OWN,
            promotion=PROMOTION,
            exceptions=self.shops.exceptions(OWN),
            pairs_file=str(self._save_pairs("answered-before-kill", pairs)),
            pairs_kind=REPEATED_LATER,
        )
        fleet = Fleet(self.folder, job, "own-audit")
        title = ("audit: every id answered before the kill, once more", "审计：强杀前应答逐一复核")
        with self.stage.act(*title, total=len(pairs)) as watch:
            watch(fleet.run(watch))
        self.case.own_answers += fleet.answers
        self.case.own_available = self.shops.available(OWN)

    def marketplace_reports(self) -> None:
        """The same crowd as facts: sales that a marketplace already took."""
        job = self.job(
            "sales",
            MARKETPLACE,
            exceptions=self.shops.exceptions(MARKETPLACE),
            last_attempt=len(self.crowd.attempts),
        )
        fleet = Fleet(self.folder, job, "sales")
        title = ("marketplace shop: the same crowd as facts", "平台店：同一人潮作为既成事实入账")
        with self.stage.act(*title, total=len(self.crowd.attempts)) as watch:
            watch(fleet.run(watch))
        self.case.sales_answers = fleet.answers

    def releases_are_asked(self) -> None:
        """Every sale asks whether it may go to a warehouse."""
        fleet = Fleet(self.folder, self.job("release", MARKETPLACE), "release")
        title = ("marketplace shop: every order asks for release", "平台店：逐单申请放行")
        with self.stage.act(*title, total=len(self.crowd.orders)) as watch:
            watch(fleet.run(watch))
        self.case.release_answers = fleet.answers

    def watch_stops(self) -> WatchFigures:
        """Other shops, whose costs are missing: the watch alone stops them, each by itself."""
        act = WatchAct(self.server.port, self.shops.person_key)
        with self.stage.act("five more shops, only watched", "另开五店，仅靠监视"):
            act.open()
            act.wait_watched()
        with self.stage.act("every price is wrong: the watch stops them", "价格全错：监视熔断"):
            paced = act.paced()
            last = min(FAST_ATTEMPTS, len(self.crowd.attempts))
            fleet = Fleet(self.folder, self.job("orders", FAST, last_attempt=last), "watch-fast")
            fleet.run(lambda _: None)
            fast = act.fast(fleet.answers)
            found = WatchFigures(
                paced=paced, fast=fast, pushed=act.pushed(), polled=act.polled(),
                silent=act.silent(), load=os.getloadavg()[0], cores=os.cpu_count() or 1,
            )  # fmt: skip
        for english, chinese in told(found):
            self.stage.say(f"          {english}", chinese)
        return found

    def feed_stalls(self) -> StalledFeed:
        """A marketplace goes on selling while nothing is heard of it."""
        return self.stalled.play(self.shops.person_api, self.stage)

    def judge(self) -> Verdict:
        """Hand everything to the judge's process. Raises JudgeFailed."""
        path = self.folder / "case.json"
        path.write_bytes(msgspec.json.encode(self.case))
        with self.stage.act("the judge counts, from the answers alone", "独立审计：只看应答"):
            done = subprocess.run(
                [sys.executable, "-m", "tidegate.demo.judge", str(path)],
                capture_output=True,
                check=False,
            )
        if done.returncode not in (0, 1):
            raise JudgeFailed(done.stderr.decode("utf-8", "replace"))
        return msgspec.json.decode(done.stdout, type=Verdict)


def introduce(crowd: Crowd, stage: Stage) -> None:
    """Say who comes, and what about them is published and what assumed."""
    counted = figures(crowd)
    stage.say(
        f"          {counted.buyers:,} buyers, {counted.orders:,} orders, {counted.attempts:,} "
        f"sendings; {counted.large_orders} orders of 50 boxes or more, the largest of "
        f"{counted.largest_units:,}; {counted.peak_per_s:,} sendings in the busiest second, "
        f"{counted.mean_per_s:g} buyers a second on average",
        "人潮概况",
    )
    for assumption in ASSUMPTIONS:
        stage.say(f"          assumed: {assumption}", "假设")


def play(folder: Path, seed: int, scale: float, console: Console) -> NightResult:
    """The whole night. Raises ServerFailed, CallRefused, LoadFailed, JudgeFailed."""
    stage = Stage(console)
    with stage.act("the crowd is drawn", "生成人潮"):
        crowd = make_crowd(seed, scale)
    introduce(crowd, stage)
    with stage.act("the model ERP takes the crowd", "模型 ERP 承接人潮"):
        erp = erp_runs(crowd)
    night = Night(folder, crowd, stage)
    try:
        night.set_up()
        guard = night.guard_refuses()
        refused_first = night.floor_refuses()
        night.approve()
        kill = night.crowd_comes()
        night.repeat_after_kill()
        night.marketplace_reports()
        night.releases_are_asked()
        stalled = night.feed_stalls()
        watched = night.watch_stops()
    finally:
        night.shops.close()
        night.stalled.close()
    verdict = night.judge()
    return NightResult(
        seed=seed,
        scale=scale,
        stock_units=crowd.stock_units,
        approved_units=approved_units(crowd),
        crowd=figures(crowd),
        erp=erp,
        verdict=verdict,
        refused_by_floor_first=refused_first,
        kill=kill,
        guard=guard,
        watch=watched,
        stalled=stalled,
        opening=observe(crowd, map(Path, night.case.sales_answers)),
        acts=stage.acts,
        faults=verdict.faults() + stalled.faults() + watched.faults(),
    )
