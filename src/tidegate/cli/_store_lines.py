"""What the files of a store tell of its two processes, in lines for people.

Only for a store on this machine; nothing here asks the server or opens a database.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.bootstrap import StoreStatus


def store_lines(found: "StoreStatus", now_ms: int) -> list[str]:
    """A line on the followers' process, and two a shop."""
    lines = []
    followers, upkeep = found.followers, found.upkeep
    if followers.is_stale(now_ms):
        silent_s = (now_ms - followers.written_ms) // 1000
        since = f"for {silent_s} s" if followers.written_ms else "yet"
        lines.append(f"followers: said nothing {since} 跟随进程无响应: see the server's log")
    for shop, named in sorted(followers.shops.items()):
        behind = ", ".join(
            f"{name} {one.lag_entries} behind" + (f" (fails: {one.error})" if one.error else "")
            for name, one in sorted(named.items())
        )
        lines.append(f"{shop}: followers 跟随: {behind}")
    for shop, kept in sorted(upkeep.shops.items()):
        archived = kept.archived
        lines.append(
            f"{shop}: journal from entry {archived.journal_first_seq}, archived 归档 to"
            f" {archived.archived_seq} ({archived.segments} files, {archived.size_bytes >> 20} MiB)"
            + (f", waits for {archived.waits_for}" if archived.waits_for else "")
        )
    lines += [f"{name}: {error} (tried again)" for name, error in sorted(upkeep.faults.items())]
    return lines
