"""What answers questions, wired; the one place that knows what understands them."""

import asyncio
from functools import cache, partial

from erasmus_app.chat.ports import Band, Understood
from erasmus_nlu import Nlu, open_nlu

AT_ONCE = 2  # questions that are read at the same time: each takes a core for some 20 ms


class OfflineUnderstanding:
    """Understands in threads of its own, so that nothing else waits."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""
        return _nlu().version

    async def understand(self, question: str, locale: str) -> Understood:
        """Say what a question is about."""
        async with self._turns:
            nlu = await asyncio.to_thread(_nlu)
            found = await asyncio.to_thread(partial(nlu.understand, question, locale))
        return Understood(
            question=found.question,
            language=found.language,
            band=Band(found.band.value),
            intents=tuple(each.intent for each in found.choices),
            version=found.version,
        )


@cache
def _nlu() -> Nlu:
    """Open what is installed, once a process: a third of a gigabyte that a worker never needs."""
    return open_nlu()
