"""What this backend itself does and keeps: signing in, messages, data. And what it refuses."""

from collections.abc import Iterator

from erasmus_app.chat.answers.about import NEW_LINE, About, Piece, Stay
from erasmus_app.chat.answers.origins import of_account
from erasmus_app.chat.answers.people import HOME, HOST, contact
from erasmus_app.chat.models import AnswerKind


def login(about: About) -> Iterator[Piece]:
    """Say how to sign in, and who can help."""
    for each in ("login", "esi", "password"):
        yield about.say(f"app.{each}")
    yield of_account(about)
    yield NEW_LINE
    yield from _ask_home(about)


def notifications(about: About) -> Iterator[Piece]:
    """Say where one chooses what one is told."""
    yield about.say("app.notifications")
    yield of_account(about)


def privacy(about: About) -> Iterator[Piece]:
    """Say what is kept, who it is from, and what the student can do about it."""
    yield about.say("app.privacy")
    heis = {
        source.hei_id: None for each in about.known.mobilities for source in each.mobility.sources()
    }
    if heis:
        yield about.say("app.data_from", names=", ".join(about.name(each) for each in heis))
    yield of_account(about)


def other_person(about: About) -> Iterator[Piece]:
    """Refuse what is somebody else's."""
    yield AnswerKind.REFUSAL
    yield about.say("refusals.other_person")


def orders(about: About) -> Iterator[Piece]:
    """Refuse to act for anybody; say where the student signs."""
    yield AnswerKind.REFUSAL
    yield about.say("refusals.orders")
    yield about.say("refusals.sign_where")


def urgent(about: About) -> Iterator[Piece]:
    """Hand over to a person, before anything else."""
    yield AnswerKind.HAND_OVER
    yield about.say("urgent.danger")
    yield about.say("urgent.person")
    yield NEW_LINE
    if isinstance(about, Stay):
        yield from contact(about, HOST)
        yield from contact(about, HOME)
        yield about.say("urgent.then")
    else:
        yield about.say("next.ask_your_home")


def _ask_home(about: About) -> Iterator[Piece]:
    if isinstance(about, Stay):
        yield from contact(about, HOME)
    else:
        yield about.say("next.ask_your_home")
