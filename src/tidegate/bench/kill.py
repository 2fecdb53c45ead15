"""SIGKILLs at random moments under load: nothing acknowledged is lost, oversold or over a limit.

The server is the real one; the judge is a process of its own that knows only the answers it got
(`kill_judge`). The moments are drawn from a seed. Tests run the same function with fewer kills.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tidegate.bench.figures import LOWER, Context, Round
from tidegate.bench.kill_judge import CONNECTED, Verdict, orders_for
from tidegate.bench.served_shop import ServedShop

KILLS = 30
LONG_KILLS = 1_000
QUICK_KILLS = 3
ORDERS_PER_KILL = 4_000
LOAD_S_MAX = 0.4  # under load before a kill, at most
FIRST_ANSWER_S = 180.0
JUDGE_DEADLINE_S = 400.0


def run(context: Context) -> Round:
    """The bench's one round."""
    return count(context, QUICK_KILLS if context.quick else KILLS)


def count(context: Context, kills: int) -> Round:
    """So many kills as a round; raises when the judge found anything wrong."""
    result = Round()
    verdict = run_kills(context.folder, kills, context.seed, context.progress)
    result.add("kill.judged.lost", verdict.lost + verdict.changed, "orders", LOWER)
    result.add("kill.judged.oversold", verdict.oversold, "units", LOWER)
    result.add("kill.judged.over_limit", verdict.over_limit, "buyers", LOWER)
    result.add("kill.judged.kills", kills, "kills")
    result.add("kill.judged.acknowledged", verdict.acknowledged, "orders")
    result.add("kill.judged.accepted", verdict.accepted, "orders")
    result.add("kill.judged.asked_again", verdict.asked_again, "orders")
    return result


def run_kills(
    folder: Path, kills: int, seed: int, progress: Callable[[float, str], None]
) -> Verdict:
    """Kill the server so many times under load; what the judge says afterwards.

    Raises RuntimeError when the server does not come up again or the judge cannot conclude.
    """
    random = np.random.default_rng([seed, 8])
    made = orders_for(kills * ORDERS_PER_KILL, seed, 0)
    with ServedShop(folder, made.terms) as shop:
        shop.start()
        shop.place_until_accepted("first", FIRST_ANSWER_S)
        # One unit went to the order that warmed the server up.
        stock_units = int(made.terms.stock_units[0]) - 1
        judge = _judge(shop, made.orders, seed, stock_units, made.terms.limit_units[0])
        try:
            for number in range(kills):
                _wait_for(judge)
                time.sleep(float(random.random()) * LOAD_S_MAX)
                shop.require_running()
                shop.kill()
                progress(number / kills, f"{number + 1} of {kills} kills")
                shop.start()
            answer, _ = judge.communicate("end\n", timeout=JUDGE_DEADLINE_S)
        finally:
            judge.kill()
            judge.wait()
    if judge.returncode != 0 or not answer:
        raise RuntimeError(f"the judge ended with status {judge.returncode}")
    return Verdict(**json.loads(answer.splitlines()[-1]))


def _wait_for(judge: "subprocess.Popen[str]") -> None:
    """Until the judge says that it is connected: a kill counts when there is somebody to hurt."""
    assert judge.stdout is not None
    while (said := judge.stdout.readline()) != CONNECTED:
        if not said:
            raise RuntimeError("the judge ended")


def _judge(
    shop: ServedShop, orders: int, seed: int, stock_units: int, limit_units: int
) -> "subprocess.Popen[str]":
    numbers = (shop.pricing_version, orders, seed, stock_units, limit_units)
    return subprocess.Popen(
        [sys.executable, "-m", "tidegate.bench.kill_judge", str(shop.store.packed_socket),
         shop.hello, *(str(number) for number in numbers)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
