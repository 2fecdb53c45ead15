"""An order file from its plan to its reconciliation: stock the shop, run, close, count.

Every line of the file is accounted for at the end, or the import says that it stopped. Nothing is
asked of a shop whose own record is already later than the file.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tidegate.imports.answers import settle_lines
from tidegate.imports.bound import bind
from tidegate.imports.opening import OpeningShop
from tidegate.imports.order_prepared import PreparedOrders
from tidegate.imports.plan import Plan
from tidegate.imports.ports import DeskPort
from tidegate.imports.reconciliation import Reconciliation, reconcile_orders
from tidegate.imports.refusal import ImportRefused
from tidegate.imports.resume import ProgressFile
from tidegate.imports.runner import OrderRun
from tidegate.record.lines import NO_SKU


def run_orders(
    prepared: PreparedOrders,
    port: DeskPort,
    progress_folder: Path,
    on_step: Callable[[int], None] = lambda _done: None,
) -> Reconciliation:
    """Decide the file's history through the desk and account for every line.

    Raises ImportRefused where the shop's own record is already later than the file.
    """
    plan = prepared.plan
    check_time(plan, port)
    options = prepared.options.digest(prepared.opening_units)
    progress = ProgressFile(progress_folder, prepared.file.sha256, options)
    defined = progress.begun()
    if defined is None:
        unknown = port.sku_numbers(plan.lines.sku_codes) == NO_SKU
        progress.begin(unknown.astype(np.uint8).tobytes())
        defined = unknown.astype(np.uint8).tobytes()
    opening = OpeningShop(prepared, port, np.frombuffer(defined, dtype=np.uint8) == 1)
    opening.open()
    answers = OrderRun(bind(plan, port, prepared.channel), port, progress).run(on_step)
    opening.close()
    settle_lines(plan, answers, np.where(opening.defined, prepared.floors_fen, 0))
    return reconcile_orders(plan, answers)


def check_time(plan: Plan, port: DeskPort) -> None:
    """History goes into a shop that has not gone past it. Raises ImportRefused."""
    if plan.steps and port.now_ms() > plan.steps[-1].now_ms:
        raise ImportRefused(
            "the shop's record already goes beyond the last line of this file, so its orders would "
            "be refused as too old. Import history into a shop that has not opened yet."
        )
