"""What students of each office have asked the chat in vain; and a chat that shows all there is."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from chatting import HOST, Understanding, an_answer
from matrix.people import NOW, Person
from msgspec.structs import replace
from testbed import Bed

from erasmus_app.chat.learning import ToKeep, Verdict
from erasmus_app.chat.models import Answer, Asker, Card, CardKind, Contact, Question, Source
from erasmus_app.chat.stripping import Stripped
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.questions import QuestionTable

PAGE = "https://www.lindental.example/exchange"


@dataclass
class Everything:
    """Answers as the chat does, with the same name and time each time, and every field filled."""

    inner: Any

    @property
    def understanding(self) -> Any:
        return self.inner.understanding

    async def ask(self, asker: Asker, question: Question) -> Answer:
        found = await self.inner.ask(asker, question)
        [deadline, contact], [source] = an_answer().cards, an_answer().sources
        office = Contact(name="Office", email="a@b.example", phone="+1", url=PAGE, hei_id=HOST)
        whole = Card(
            kind=CardKind.LINK,
            title="A page",
            text="All of it",
            url=PAGE,
            contact=office,
            mobility_id=found.mobility_id,
        )
        return replace(
            found,
            conversation="the same",
            answered_at=NOW,
            intent=found.intent or "la_status",
            cards=(*found.cards, deadline, contact, whole),
            choices=(*found.choices, *an_answer().choices),
            sources=(*found.sources, replace(source, url=PAGE), Source(kind=source.kind, text="")),
        )


async def have_questions(bed: Bed, people: list[Person]) -> None:
    """Of each student one that is reviewed, and one to be reviewed; both agree to that."""
    services = bed.app.services
    purpose = services.purposes["chat"]
    table = QuestionTable(bed.app.database, purpose.version)
    # What is asked is taken for a question about the record at once: rights are what is tried.
    quick = dataclasses.replace(services.chat, understanding=Understanding())
    object.__setattr__(services, "chat", Everything(quick))
    for person in people:
        if not person.is_student:
            continue
        account: Any = person.account
        await ConsentTable(bed.app.database).give(account, purpose, "en", "app", NOW)
        for verdict in (None, Verdict.PHRASE):
            question = ToKeep(
                tenant=person.home,  # type: ignore[arg-type]
                stripped=Stripped(text=f"who signs {verdict} {person.key[-1]}", unsure=()),
                language="en",
                band="offer",
                intents=("la_status",),
                version="v-1",
                month=NOW.date().replace(day=1),
            )
            await table.keep(account, question, 50)
        both = await bed.app.database.fetch(
            """select question_id from unanswered_question
               where askers @> array[$1]::text[] order by 1""",
            bed.app.database.vault.hashed("consent", str(account)),
        )
        open_, reviewed = (row["question_id"] for row in both)
        await table.review([person.home], reviewed, Verdict.PHRASE, "la_status")  # type: ignore[list-item]
        person.ids["question"] = [str(open_)]
