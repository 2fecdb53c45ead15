"""Commands of operators: handed to the desk under their id, answered with what they became.

Who asked stands on record as a token. A command is never retried here.
"""

from tidegate.desk.answers import CommandAnswer
from tidegate.domain.reasons import Reason
from tidegate.http.calls import AnyAnswer, Call, json_answer
from tidegate.http.errors import REFUSED, refusal_document
from tidegate.http.schemas import CommandDone
from tidegate.record.facts import Command


async def give(call: Call, command: Command) -> AnyAnswer:
    """Let the desk decide the caller's command. Raises what the desk raises."""
    return await give_approved(call, command, call.principal.person_token, 0)


async def give_approved(call: Call, command: Command, actor: int, approver: int) -> AnyAnswer:
    """Let the desk decide a command that `actor` asked for and `approver` agreed to."""
    answer = await call.shop.desk.command(command, call.command_id, actor, approver)
    return command_answer(call, answer)


def command_answer(call: Call, answer: CommandAnswer) -> AnyAnswer:
    """What the desk decided of a command."""
    if answer.reason != Reason.ACCEPTED:
        figures = {"id": call.command_id, "seq": answer.seq}
        if answer.duplicate:
            figures["duplicate"] = True
        reason = Reason(answer.reason)
        return json_answer(refusal_document(reason, call.language, "", figures), REFUSED)
    return json_answer(
        CommandDone(
            call.command_id,
            "accepted",
            answer.seq,
            answer.duplicate,
            getattr(answer.fact, "number", 0),
            getattr(answer.fact, "shortfall", 0),
        )
    )
