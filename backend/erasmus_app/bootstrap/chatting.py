"""What answers questions, wired; the one place that knows what understands them."""

import asyncio
from functools import cache, partial
from threading import Lock
from time import perf_counter

import structlog
from redis.asyncio import Redis

from erasmus_app.chat.answers.about import Wording
from erasmus_app.chat.knowledge import Knowledge
from erasmus_app.chat.ports import Band, Unanswered, Understood
from erasmus_app.chat.service import ChatService
from erasmus_app.chat.words import load_chat_words
from erasmus_app.ids import HeiId
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.collector import settle
from erasmus_app.notifications.agenda_words import AgendaWords
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder
from erasmus_app.notifications.explanations import Explanations
from erasmus_app.notifications.guidance import Guidance
from erasmus_app.store.keys import RedisConversations
from erasmus_app.telemetry.metrics import NLU_INTENT, NLU_SECONDS, Words
from erasmus_nlu import Nlu, NluError, open_nlu

log = structlog.get_logger(__name__)

_LANGUAGE = Words(40)  # what is recognised are a hundred, most of them by mistake
NO_INTENT = "none"
WARM_AFTER = 1  # seconds: what waits for the start comes first
AT_ONCE = 2  # questions that are read at the same time: each takes a core for some 20 ms


class OfflineUnderstanding:
    """Understands in threads of its own, so that nothing else waits."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""
        return _nlu().version

    async def warm_up(self) -> None:
        """Open it beside the start, so that the first question does not wait for that."""
        await asyncio.sleep(WARM_AFTER)
        try:
            nlu = await asyncio.to_thread(_nlu)
        except NluError as error:  # every question says so again
            log.exception("nlu.unusable", code=type(error).__name__)
        else:
            log.info("nlu.ready", version=nlu.version)

    async def understand(self, question: str, locale: str) -> Understood:
        """Say what a question is about."""
        began = perf_counter()
        async with self._turns:
            nlu = await asyncio.to_thread(_nlu)
            found = await asyncio.to_thread(partial(nlu.understand, question, locale))
        NLU_SECONDS.observe(perf_counter() - began)
        intent = found.choices[0].intent if found.choices else NO_INTENT
        NLU_INTENT[intent, found.band.value, _LANGUAGE(found.language)].inc()
        return Understood(
            question=found.question,
            language=found.language,
            band=Band(found.band.value),
            intents=tuple(each.intent for each in found.choices),
            version=found.version,
        )


def chat_service(
    understanding: OfflineUnderstanding,
    knowledge: Knowledge,
    wording: Wording,
    redis: Redis,
    clock: Clock,
    unanswered: Unanswered | None = None,
) -> ChatService:
    """Return what answers questions."""
    return ChatService(
        understanding=understanding,
        knowledge=knowledge,
        wording=wording,
        conversations=RedisConversations(redis),
        clock=clock,
        unanswered=unanswered,
    )


def chat_wording(
    messages: Catalogue,
    guidance: Guidance,
    explanations: Explanations,
    agenda: AgendaWords,
    names: InstitutionNames,
) -> Wording:
    """Return the words of answers. Raises SettingsInvalid."""
    folder = catalogue_folder()
    return Wording(
        words=load_chat_words(folder, messages.languages),
        guidance=guidance,
        explanations=explanations,
        agenda=agenda,
        names=lambda hei, language: names.name(HeiId(hei), language),
    )


_OPENING = Lock()


def _nlu() -> Nlu:
    """Open what is installed, once a process: a third of a gigabyte that a worker never needs."""
    with _OPENING:  # or two questions at once would open it twice
        return _opened()


@cache
def _opened() -> Nlu:
    opened = open_nlu()
    settle()  # phrases and vocabularies are most of what the collector would look through
    return opened
