from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.push.browsers import sending
from unit.sandbox.hand_clock import HandClock

from erasmus_app.push.web_push import WebPush
from sandbox.authority import Authority
from sandbox.web_push import WebPushService, running_web_push


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def browsers(
    authority: Authority, folder: Path, clock: HandClock
) -> AsyncIterator[WebPushService]:
    async with running_web_push(folder, authority, now=clock) as browsers:
        yield browsers


@pytest.fixture
async def channel(authority: Authority, clock: HandClock) -> AsyncIterator[WebPush]:
    async with sending(authority, clock) as channel:
        yield channel
