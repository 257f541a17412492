"""Answering a question: understand it, look at what is known, and write what follows."""

from dataclasses import dataclass

from erasmus_app.chat.knowledge import Knowledge
from erasmus_app.chat.models import Answer, Asker, Question
from erasmus_app.chat.ports import Understanding
from erasmus_app.kit.clock import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatService:
    """Answers from the student's own record, by templates, in the student's language."""

    understanding: Understanding
    knowledge: Knowledge
    clock: Clock

    async def ask(self, asker: Asker, question: Question) -> Answer:
        """Answer a question of any length and kind; raises nothing for what is in it."""
        raise NotImplementedError
