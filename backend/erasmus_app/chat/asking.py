"""What an edge hands in: who asks, and a question that is no longer than anybody reads."""

from uuid import UUID

from erasmus_app.chat.models import Asker, Question
from erasmus_app.identity.models import Account
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, MobilityId
from erasmus_app.limits.keeping import Asked
from erasmus_app.limits.rules import Limit

READ_AT_MOST = 4_000  # characters, as typed: what is behind them is not looked at
LONGEST_ID = 500  # of a choice or a conversation; ours are far shorter


def asker_of(account: Account, standing: Standing, language: str) -> Asker:
    """Return who asks; `language` is the answer's."""
    return Asker(
        account_id=account.account_id, standing=standing, language=language, zone=account.zone
    )


def questions_of(account: AccountId) -> tuple[Asked, Asked]:
    """Return what one more question is counted under: each takes a core for some 20 ms."""
    return (Limit.CHAT_MINUTE, account), (Limit.CHAT_DAY, account)


def handed_in(
    text: str | None, choice: str | None, conversation: str | None, mobility: UUID | None
) -> Question:
    """Return a question; cut here, so that a megabyte is not cleaned before it is cut."""
    return Question(
        text=(text or "")[:READ_AT_MOST],
        choice=choice[:LONGEST_ID] if choice else None,
        conversation=conversation[:LONGEST_ID] if conversation else None,
        mobility=MobilityId(mobility) if mobility else None,
    )
