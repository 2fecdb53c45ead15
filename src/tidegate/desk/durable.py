"""Making an entry durable, whatever the journal answers, and what a claim says of its owner."""

from tidegate.journal.protocol import AppendUnknown, Head, Journal


def append_surely(journal: Journal, expected_seq: int, payload: bytes) -> Head:
    """Append; when the outcome is unknown, read it back and try once more if it was not stored.

    Raises what `Journal.append` raises but AppendUnknown only when reading back does not help.
    """
    try:
        return journal.append(expected_seq, payload)
    except AppendUnknown as unknown:
        found = journal.read_back(expected_seq, unknown.attempt.hash)
        if found is not None:
            return found
        return journal.append(expected_seq, payload)


def owner_name(process_id: int) -> str:
    """What a claim says of its owner: no host name, which may be a person's."""
    return f"desk {process_id}"
