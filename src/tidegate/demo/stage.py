"""What one sees while the night is played: a line an act, a bar on anything over a second.

Always holds: the acts are timed here and nowhere else. Never here: a decision about the night.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tidegate.demo.progress import Counts
from tidegate.demo.result import Act

Watch = Callable[[Counts], None]


class Stage:
    """Prints and times the acts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.acts: list[Act] = []

    def say(self, english: str, chinese: str) -> None:
        """One line of text; a narrow terminal breaks it, not we."""
        self._console.print(f"{english} · {chinese}", markup=False, highlight=False, soft_wrap=True)

    def quote(self, line: str) -> None:
        """A line of a document, as it stands there."""
        self._console.print(f"          │ {line}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def act(self, english: str, chinese: str, total: int | None = None) -> Iterator[Watch]:
        """Time an act; the function it yields moves the bar and keeps the counts."""
        started_s = time.monotonic()
        last = [Counts()]
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        silent = not self._console.is_terminal  # a log gets the lines, not the bars
        with Progress(*columns, console=self._console, transient=True, disable=silent) as bar:
            task = bar.add_task(f"{english} · {chinese}", total=total)

            def watch(counts: Counts) -> None:
                last[0] = counts
                bar.update(task, completed=counts.answered)

            yield watch
        counts = last[0]
        act = Act(
            name=english,
            seconds=round(time.monotonic() - started_s, 3),
            answers=counts.answered,
            busy=counts.busy,
        )
        self.acts.append(act)
        rate = f", {counts.answered:,} answers, {act.answers_per_s:,.0f}/s" if act.answers else ""
        self.say(f"{act.seconds:7.1f} s  {english}", f"{chinese}{rate}")
