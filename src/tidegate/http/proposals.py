"""What waits for a second person, as the doors tell it.

Nothing here approves anything.
"""

import msgspec

from tidegate.access.approvals import Proposal
from tidegate.http import schemas as s
from tidegate.http.errors import UNPROCESSABLE, Problem

PROPOSAL_HEX = 32


def shown_proposal(proposal: Proposal) -> s.Proposed:
    """A proposal whole, with the digest that the second person names."""
    return s.Proposed(
        proposal=proposal.id.hex(),
        digest=proposal.digest.hex(),
        content=msgspec.Raw(proposal.content),
        reason=proposal.reason,
        created_at=proposal.created_at_ms,
        expires_at=proposal.expires_at_ms,
    )


def proposal_id(text: str) -> bytes:
    """A proposal's id from a path. Raises Problem."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(text) != PROPOSAL_HEX or not found:
        raise Problem(UNPROCESSABLE, "proposal: 32 hexadecimal digits", "proposal：32 位十六进制")
    return found
