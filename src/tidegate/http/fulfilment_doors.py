"""What the doors reach of a shop's presales, gifts, parcels and returns, beside the loop.

Always: one call after the other, a bounded number waiting; a wish that cannot be is a problem with
its word. Never: a workflow runs on the loop that orders are decided on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tidegate.channels.fulfilment.ports import NotDone, NotThere
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.desk.answers import DeskBusy
from tidegate.http.errors import NOT_DONE, NOT_FOUND, Problem

WAITING_MAX = 64
RETRY_S = 1.0

T = TypeVar("T")


class FulfilmentDoors:
    """One shop's. Lives on the server's loop."""

    def __init__(self, service: Fulfilment) -> None:
        self._service = service
        self._thread = ThreadPoolExecutor(1, "fulfilment-door")
        self._waiting = 0

    async def do(self, work: Callable[[Fulfilment], T]) -> T:
        """What work comes to. Raises Problem, DeskBusy, and what the desk raises."""
        if self._waiting >= WAITING_MAX:
            raise DeskBusy(RETRY_S, "too many requests about parcels and presales wait")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._service.do, work
            )
        except NotThere as error:
            raise Problem(NOT_FOUND, str(error), figures={"why": error.reason}) from None
        except NotDone as error:
            raise Problem(NOT_DONE, str(error), figures={"why": error.reason}) from None
        finally:
            self._waiting -= 1
