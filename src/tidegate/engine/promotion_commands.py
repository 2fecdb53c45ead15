"""Judging the commands about promotions: what the price guard checked is what comes into force.

The guard itself runs outside (`pricing`); here stands what makes its verdict binding: the version
it was given at, two people where it was not "proved", and the exception to sell under. It never
looks into a document.
"""

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.command_context import Context, Refused, bound, code_ok, known, numbered
from tidegate.record import facts as f

PUBLISHED_MAX = 2_000
PROMOTIONS_MAX = 0xFFFE
DIGEST_LENGTH = 64


def next_version(ctx: Context) -> int:
    """The pricing version after the one in force."""
    return bound(int(ctx.state.scalars[lo.PRICING_VERSION]) + 1, 1, (1 << 32) - 1)


def put_promotion(ctx: Context, c: f.PutPromotion) -> f.Fact:
    """A promotion's fact; its quotes from before are stale."""
    number = numbered(ctx.catalogue.promotions, c.code, 1, PROMOTIONS_MAX)
    return f.CodePut("promotion", number, c.code, pricing_version=next_version(ctx))


def publish_promotion(ctx: Context, c: f.PublishPromotion) -> f.Fact:
    """A published document's fact. It was checked against the prices that are in force now."""
    if c.expected_version != int(ctx.state.scalars[lo.PRICING_VERSION]):
        raise Refused(Reason.PRICING_MOVED)
    if c.verdict not in f.VERDICTS or len(c.digest) != DIGEST_LENGTH:
        raise Refused(Reason.OUT_OF_BOUNDS)
    bound(len(c.document.encode()), 2, f.DOCUMENT_BYTES_MAX)
    known_before = c.code in ctx.catalogue.published
    bound(len(ctx.catalogue.published) + (not known_before), 1, PUBLISHED_MAX)
    exception = 0 if c.verdict == "proved" else approved(ctx, c.exception)
    number = numbered(ctx.catalogue.promotions, c.code, 1, PROMOTIONS_MAX)
    return f.PromotionPublished(
        number, c.code, c.document, c.digest, c.verdict, exception, next_version(ctx), c.note[:200]
    )


def approved(ctx: Context, code: str) -> int:
    """The exception under which what was not proved may sell, with two people behind it."""
    if ctx.actor == 0 or ctx.approver == 0 or ctx.actor == ctx.approver:
        raise Refused(Reason.APPROVAL_MISSING)
    number = known(ctx.catalogue.exceptions, code)
    row = ctx.state.exceptions[number]
    if row["known"] == 0 or row["expires_ms"] <= ctx.now_ms or row["units_left"] <= 0:
        raise Refused(Reason.UNKNOWN_TARGET)
    return number


def withdraw_promotion(ctx: Context, c: f.WithdrawPromotion) -> f.Fact:
    """A withdrawn promotion's fact."""
    if c.code not in ctx.catalogue.published:
        raise Refused(Reason.UNKNOWN_TARGET)
    number = known(ctx.catalogue.promotions, code_ok(c.code))
    return f.PromotionPublished(number, c.code, "", "", "", 0, next_version(ctx), c.note[:200])
