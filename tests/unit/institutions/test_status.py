"""Up, slow, down or unknown: what is said of an HEI, by how calls of its APIs went."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from erasmus_app.ids import HeiId
from erasmus_app.institutions.status import (
    ApiStatus,
    Calls,
    HeiStatus,
    Own,
    OwnStatus,
    State,
    StatusService,
    heis_of,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HEI = HeiId("clairval.example")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def calls(api: str = "omobilities", **given: object) -> Calls:
    return Calls(hei_id=HEI, api=api, **given)  # type: ignore[arg-type]


def failing(code: str, failures: int, api: str = "omobilities", **more: object) -> Calls:
    return calls(
        api,
        last_success_at=NOW - DAY,
        last_failure_at=NOW - HOUR,
        last_failure=code,
        failures=failures,
        **more,
    )


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (calls(), State.UNKNOWN),
        (calls(last_success_at=NOW - HOUR), State.UP),
        (calls(last_success_at=NOW - HOUR, last_failure_at=NOW - 2 * HOUR), State.UP),
        (calls(last_success_at=NOW - 3 * DAY), State.UNKNOWN),
        (calls("factsheet", last_success_at=NOW - 8 * DAY), State.UP),
        (failing("partner_unreachable", 1), State.SLOW),  # a hiccup
        (failing("partner_unreachable", 3), State.DOWN),
        (failing("partner_unreachable", 1, left_alone_until=NOW + HOUR), State.DOWN),
        (calls(left_alone_until=NOW + HOUR), State.DOWN),  # as all of its host
        (calls(last_success_at=NOW - HOUR, left_alone_until=NOW - HOUR), State.UP),
        (failing("reply_invalid", 99), State.SLOW),  # it answers
        (failing("partner_refused", 99), State.SLOW),
    ],
)
def test_an_api_is_what_its_last_calls_say(found: Calls, state: State):
    assert found.state(NOW) is state


def test_an_hei_that_answers_in_part_is_slow_since_it_last_did_in_full():
    found = [
        calls("imobilities", last_success_at=NOW - HOUR),
        failing("partner_unreachable", 5),
        calls("iias", last_success_at=NOW - 9 * DAY),
    ]

    assert heis_of(found, NOW) == [
        HeiStatus(
            hei_id=HEI,
            state=State.SLOW,
            since=NOW - DAY,
            last_success_at=NOW - HOUR,
            apis=(
                ApiStatus(api="iias", state=State.UNKNOWN, last_success_at=NOW - 9 * DAY),
                ApiStatus(api="imobilities", state=State.UP, last_success_at=NOW - HOUR),
                ApiStatus(api="omobilities", state=State.DOWN, last_success_at=NOW - DAY),
            ),
        )
    ]


@dataclass
class Store:
    own_: Own
    calls_: Sequence[Calls] = ()
    asked: int = field(default=0)

    async def own(self) -> Own:
        self.asked += 1
        return self.own_

    async def calls(self) -> Sequence[Calls]:
        return self.calls_


@pytest.mark.parametrize(
    ("own", "ours"),
    [
        (
            Own(HOUR, {"web_push": timedelta(0), "fcm": timedelta(minutes=11)}),
            (
                OwnStatus(name="catalogue", state=State.UP, seconds=3600),
                OwnStatus(name="messages fcm", state=State.SLOW, seconds=660),
                OwnStatus(name="messages web_push", state=State.UP, seconds=0),
            ),
        ),
        (Own(26 * HOUR, {}), (OwnStatus(name="catalogue", state=State.SLOW, seconds=93_600),)),
        (Own(None, {}), (OwnStatus(name="catalogue", state=State.SLOW, seconds=None),)),
    ],
)
async def test_our_own_part_is_said_as_well(own: Own, ours: tuple[OwnStatus, ...]):
    board = await StatusService(store=Store(own), clock=lambda: NOW).board()

    assert board.ours == ours


async def test_it_is_looked_at_once_in_half_a_minute_whoever_asks():
    store, moments = Store(Own(None, {})), [NOW]
    service = StatusService(store=store, clock=lambda: moments[-1])
    first = await service.board()
    moments.append(NOW + timedelta(seconds=29))
    assert await service.board() is first
    for moment in (NOW + timedelta(seconds=31), NOW - HOUR):  # a clock that is set back
        moments.append(moment)
        assert (await service.board()).at == moment
    assert store.asked == 3
