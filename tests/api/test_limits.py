"""Each rule is met at its door, by whoever comes too often, and by nobody else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import fed
import httpx
import pytest
import pytest_asyncio
from assistants import READING, clients_file, granted, log_in, said
from databases import PATIENCE, DatabaseServer, fresh_database
from messengers import Around, Doubles
from redis.asyncio import Redis
from structlog.testing import capture_logs
from subscribers import account_of
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from erasmus_app.limits.rules import RULES, Limit, load_rules
from erasmus_app.store.embedded.folder import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROXIES = "127.0.0.0/8,::1"
MOST = 3
READ = "{ me { displayName } }"  # costs 11 points
Answer = httpx.Response


@dataclass
class House:
    """A backend behind a proxy, and who comes to it."""

    bed: Bed
    around: Around
    phone: Phone
    token: str  # of an assistant
    calendar: str
    _addresses: "count[int]" = field(default_factory=lambda: count(1))
    address: str = ""

    def moves(self) -> None:
        """Come from another address from now on."""
        self.address = f"203.0.113.{next(self._addresses)}"

    @property
    def there(self) -> dict[str, str]:
        return {"x-forwarded-for": self.address}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.bed.http.get(f"{self.bed.address}{path}", headers=self.there | headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        return await self.bed.http.post(
            f"{self.bed.address}{path}", headers=self.there | (headers or {}), **body
        )

    async def ask(self, query: str, phone: Phone | None = None, **variables: Any) -> Answer:
        token = (phone or self.phone).token
        body = {"query": query, "variables": variables}
        return await self.post("/graphql", {"authorization": f"Bearer {token}"}, json=body)

    async def feeds(self, token: str) -> Answer:
        feed = fed.Feed(self.bed, token=token)
        feed.headers |= self.there
        return await feed.give(b"<no/>")

    async def calls(self, path: str, body: bytes = b"") -> Answer:
        """Call our EWP host, signed by a partner."""
        headers = fed.signed(self.bed, path, body)
        return await self.post(path, headers, content=body)

    async def refreshes(self) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": self.phone.refresh}
        answer = await self.post("/auth/token", data=form)
        self.phone.refresh = answer.json().get("refresh_token", self.phone.refresh)
        return answer

    async def wishes(self) -> Answer:
        """Have partners asked; too soon is what GraphQL says instead of 429."""
        wish = """mutation($id: ID!) { refreshNow(mobilityId: $id) {
            ... on RefreshTooSoon { againAt } } }"""
        mine = (await self.ask("{ me { mobilities { id } } }")).json()
        answer = await self.ask(wish, id=mine["data"]["me"]["mobilities"][0]["id"])
        if "againAt" in answer.text:
            return httpx.Response(429, headers={"retry-after": "1"})
        return answer


def guess(house: House) -> Awaitable[Answer]:
    form = {"grant_type": "authorization_code", "code": "guess", "client_id": "assistant"}
    return house.post("/auth/token", data=form)


def echo(house: House) -> Awaitable[Answer]:
    return house.post(f"/ewp/{fed.OUTONO}/echo")


def ask(house: House) -> Awaitable[Answer]:
    return house.post(
        "/chat", {"authorization": f"Bearer {house.phone.token}"}, json={"question": "?"}
    )


def moving(way: Callable[[House], Awaitable[Answer]]) -> Callable[[House], Awaitable[Answer]]:
    """The same, each time from another address."""

    def moved(house: House) -> Awaitable[Answer]:
        house.moves()
        return way(house)

    return moved


WAYS: dict[Limit, Callable[[House], Awaitable[Answer]]] = {
    Limit.LOGIN: lambda house: house.get("/auth/login"),
    Limit.LOGIN_PROVIDER: moving(lambda house: house.get("/auth/login")),
    Limit.LOGIN_FAILED: lambda house: house.get("/auth/callback?state=guess&code=guess"),
    Limit.TOKEN_FAILED: guess,
    Limit.TOKEN_CLIENT_FAILED: guess,
    Limit.REFRESH: moving(lambda house: house.refreshes()),
    Limit.AUTHORIZE: moving(lambda house: house.get("/auth/authorize?client_id=assistant")),
    Limit.CLAIM: moving(
        lambda house: house.ask(
            'mutation { claimMobility(sendingHei: "x.example", omobilityId: "1") { __typename } }'
        )
    ),
    Limit.ANONYMOUS: lambda house: house.get("/.well-known/oauth-authorization-server"),
    Limit.READING: moving(lambda house: house.ask(READ)),
    Limit.READING_SESSION: moving(lambda house: house.ask(READ)),
    Limit.CHANGING: moving(lambda house: house.ask("mutation { markRead(ids: []) }")),
    Limit.EXPORT: moving(lambda house: house.ask("mutation { requestExport { id } }")),
    Limit.ERASURE: moving(lambda house: house.ask("mutation { cancelErasure { __typename } }")),
    Limit.ASK_PARTNERS: moving(lambda house: house.wishes()),
    Limit.ASK_PARTNERS_MOBILITY: moving(lambda house: house.wishes()),
    Limit.CHAT_MINUTE: moving(ask),
    Limit.CHAT_DAY: moving(ask),
    Limit.ASSISTANT: moving(lambda house: said(house.bed, house.token, "tools/list")),
    Limit.CALENDAR: moving(lambda house: house.get(house.calendar)),
    Limit.CALENDAR_UNKNOWN: lambda house: house.get("/calendar/guess.ics"),
    Limit.MESSENGER: moving(lambda house: house.around.brings({"update_id": 1})),
    Limit.MESSENGER_FORGED: lambda house: house.post("/chat/telegram", json={}),
    Limit.FEED: moving(lambda house: house.feeds(fed.TOKEN)),
    Limit.FEED_REFUSED: lambda house: house.feeds("guess"),
    Limit.FEED_REFUSED_NOISY: lambda house: house.feeds("guess"),
    Limit.FEED_REFUSED_HEI: lambda house: house.feeds("guess"),
    Limit.EWP_NOTICES: moving(
        lambda house: house.calls(f"/ewp/{fed.OUTONO}/imobility-tor-cnr/1", b"omobility_id=x")
    ),
    Limit.EWP_CALLS: moving(lambda house: house.calls(f"/ewp/{fed.OUTONO}/echo", b"echo=x")),
    Limit.EWP_UNKNOWN: echo,
}
COSTS = {Limit.READING: 11, Limit.READING_SESSION: 11}  # of what is done above
BESIDE = {  # where one rule says when another holds
    Limit.FEED_REFUSED_NOISY: ("feed_refused_hei=1/600",),
    Limit.FEED_REFUSED_HEI: (f"feed_refused_noisy={MOST}/600",),
}


@asynccontextmanager
async def house_of(dsn: str, valkey: str, folder: Path, **more: str) -> AsyncIterator[House]:
    doubles = Doubles()
    secret = folder / "telegram-secret"
    secret.write_text(doubles.telegram.secret, encoding="ascii")
    async with bed_running(
        dsn,
        valkey,
        folder,
        before=2,
        prepare=fed.outono,
        trusted_proxies=PROXIES,
        oauth_clients=clients_file(folder),
        telegram_token=str(secret),
        telegram_secret=str(secret),
        **more,
    ) as bed:
        phone = await bed.signed_in("ines")
        made = await bed.ask(phone, "mutation { createCalendarFeed { url } }")
        url = made["createCalendarFeed"]["url"]
        yield House(
            bed,
            Around(bed, doubles),
            phone,
            await granted(bed, await account_of(bed, phone), *READING),
            url[url.index("/calendar/") :],
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(
    database_server: DatabaseServer, valkey: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    async with (
        fresh_database(database_server) as dsn,
        house_of(dsn, valkey, tmp_path_factory.mktemp("house")) as house,
    ):
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(one_house: House, valkey: str) -> AsyncIterator[House]:
    """The house, where nobody has come yet."""
    limits = one_house.bed.app.services.limits
    await limits.settle()
    async with Redis.from_url(valkey) as redis:
        await redis.flushall()
    limits._debts.clear()
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        one_house.bed.http = http
        yield one_house
    limits.rules = RULES


async def test_whoever_comes_too_often_is_told_when_to_come_again(house: House):
    """One house for all rules, each of which alone is there in its turn."""
    limits = house.bed.app.services.limits
    await log_in(house.bed)
    found: dict[str, Any] = {}
    for limit, way in WAYS.items():
        most = MOST * COSTS.get(limit, 1)
        limits.rules = load_rules(
            ["everything=off", f"{limit}={most}/86400", *BESIDE.get(limit, ())]
        )
        house.moves()
        answers = [await way(house) for _ in range(MOST + 1)]
        await limits.settle()
        limits._debts.clear()  # the next is another house's: rules stay as they are otherwise
        before = [each.status_code for each in answers[:-1]]
        after = answers[-1].headers.get("retry-after", "0")
        found[limit] = 429 not in before, answers[-1].status_code, int(after) > 0

    assert found == dict.fromkeys(Limit, (True, 429, True))


async def test_a_refusal_says_what_the_rule_is_and_how_it_stands(house: House):
    limits = house.bed.app.services.limits
    limits.rules = load_rules(["everything=off", "reading=30/60", "claim=1/3600", "login=1/600"])
    house.moves()
    read = [await house.ask(READ) for _ in range(3)]
    other = await house.ask(READ, await house.bed.signed_in("tiago"))
    login = [await house.get("/auth/login") for _ in range(2)][-1]

    policy = '"reading";q=30;w=60'
    assert [each.headers["ratelimit-policy"] for each in read] == [policy] * 3
    assert read[0].headers["ratelimit"] == '"reading";r=19;t=22'
    assert other.headers["ratelimit"] == '"reading";r=19;t=22'
    wait = int(read[2].headers["retry-after"])
    assert 0 < wait <= 6
    assert (read[2].status_code, read[2].headers["ratelimit"]) == (
        429,
        f'"reading";r=0;t={wait}',
    )
    asked = read[2].headers["x-request-id"]
    assert read[2].json() == {
        "errors": [
            {
                "message": f"That was too often: please come back in {wait} s.",
                "extensions": {
                    "code": "too_many_requests",
                    "request_id": asked,
                    "retryAfter": wait,
                },
            }
        ]
    }
    assert read[2].headers["cache-control"] == "no-store"
    assert login.status_code == 429
    assert login.headers["content-type"].startswith("text/html")  # a person sits before it
    assert "too_many_requests" in login.text


async def test_a_student_who_is_signed_in_reads_whatever_the_neighbours_do(house: House):
    """A dormitory has one address: 5,000 students, and one who guesses."""
    house.bed.app.services.limits.rules = load_rules(
        ["anonymous=2/86400", "login_failed=2/86400", "token_failed=2/86400"]
    )
    house.moves()
    bad = [await house.post("/graphql", json={"query": READ}) for _ in range(4)]
    ways = WAYS[Limit.LOGIN_FAILED], WAYS[Limit.TOKEN_FAILED]
    guessed = [[(await way(house)).status_code for _ in range(4)] for way in ways]
    good = [(await house.ask(READ)).status_code for _ in range(4)]

    assert [each.status_code for each in bad] == [401, 401, 429, 429]
    assert bad[-1].json()["errors"][0]["extensions"]["code"] == "too_many_requests"
    assert [each[-1] for each in guessed] == [429, 429]
    assert good == [200] * 4
    house.moves()
    assert (await house.post("/graphql", json={"query": READ})).status_code == 401


SPOOFS = {  # what one wrote, what another did, and whether both came from one address
    ("203.0.113.7", "6.6.6.6, 203.0.113.7"): True,  # what stands before was made up
    ("203.0.113.7", "203.0.113.7, 127.0.0.9"): True,  # a proxy of ours behind another
    ("203.0.113.7", "::ffff:203.0.113.7"): True,
    ("203.0.113.7", "203.0.113.7, 6.6.6.6"): False,
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"): True,  # one customer has the /64 at least
    ("2001:db8:1:2::1", "2001:db8:1:3::1"): False,
}


async def test_an_address_is_what_our_proxies_saw(house: House):
    limits, found = house.bed.app.services.limits, {}
    limits.rules = load_rules(["everything=off", "anonymous=1/86400"])
    for pair in SPOOFS:
        answers = []
        for house.address in pair:
            answers.append((await WAYS[Limit.ANONYMOUS](house)).status_code)
        found[pair] = {(200, 429): True, (200, 200): False}[answers[0], answers[1]]
        limits._debts.clear()

    assert found == SPOOFS


async def test_a_partner_whose_notices_are_too_many_hears_so_signed_and_others_go_on(house: House):
    limits = house.bed.app.services.limits
    limits.rules = load_rules(["everything=off", "ewp_calls=1/60", "ewp_unknown=1/60"])
    count = "select coalesce(sum(times), 0)::int from refusal"
    before = await house.bed.app.database.fetchval(count)
    house.moves()
    signed = [await house.calls(f"/ewp/{fed.OUTONO}/echo", b"echo=x") for _ in range(2)]
    unknown = [await echo(house) for _ in range(2)]

    assert [each.status_code for each in signed] == [200, 429]
    assert [each.status_code for each in unknown] == [401, 429]
    assert ["signature" in each.headers for each in (*signed, *unknown)] == [True] * 3 + [False]
    assert "error-response" in signed[1].text
    assert "error-response" in unknown[1].text
    refused = await house.bed.app.database.fetchval(count)
    assert refused == before + 1  # the one that was looked at


async def test_valkey_away_closes_logins_and_leaves_reading_open(dsn: str, tmp_path: Path):
    away = f"redis://127.0.0.1:{free_port()}/0"
    async with bed_running(dsn, away, tmp_path, worker=False, trusted_proxies=PROXIES) as bed:
        with capture_logs() as logs:
            there = {"x-forwarded-for": "203.0.113.7"}
            login = await bed.http.get(f"{bed.address}/auth/login", headers=there)
            token = await bed.http.post(
                f"{bed.address}/auth/token", data={"grant_type": "refresh_token"}, headers=there
            )
            read = await bed.http.get(f"{bed.address}/.well-known/oauth-authorization-server")

    assert [(each.status_code, each.headers.get("retry-after")) for each in (login, token)] == [
        (503, "5")
    ] * 2
    assert "limits_away" in login.text
    assert token.json()["code"] == "limits_away"
    assert read.status_code == 200
    assert [each["event"] for each in logs if each["event"] == "limits.away"] == ["limits.away"]


async def test_every_rule_says_what_it_counts():
    assert {each for each, rule in RULES.items() if not rule.of} == set()
