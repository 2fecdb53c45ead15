"""A progress bar for anything over a second, on a terminal only; nothing where output is JSON."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BAR_AFTER_S = 1.0


@contextmanager
def progress_bar(title: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A function of (reached, goal) that draws a bar once more than a second has passed."""
    from rich.console import Console
    from rich.progress import Progress

    started_s = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=None, visible=False)

        def move(reached: int, goal: int) -> None:
            if time.monotonic() - started_s > BAR_AFTER_S:
                bar.update(task, completed=reached, total=goal, visible=True)

        yield move
