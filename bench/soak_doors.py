"""Every door of the backend, opened and closed again: one round of them for `soak.py`.

What the apps of `load_clients.py` do not come through: login and logout at the sandbox's provider,
questions, an assistant, calendars, an HEI's feed, mails, a messenger, events, and refusals.
"""

import asyncio
import hashlib
import itertools
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from house import CLIENT_ID, CLIENT_SECRET, House
from joserfc.jwk import ECKey
from load_clients import hashes
from load_students import Student
from morning import forwarded
from wire import Doors as WireDoors

from erasmus_app.cli.phones import Phone
from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId
from erasmus_app.oidc.tokens import SignedTokens
from erasmus_app.store.database import Database
from ewp.ids import AcademicYearId, HeiId, OmobilityId, ProposalId
from ewp.messages import omobilities
from sandbox.cast import INES
from sandbox.login import Client, LoginProvider
from sandbox.login import running as running_login
from sandbox.mail import MailSink
from sandbox.mail import running as running_mail
from sandbox.messengers.api import running_api
from sandbox.messengers.telegram import TelegramApi
from sandbox.office import nominee
from sandbox.world import APP_LINK

OUTONO, FEED_TOKEN = HeiId("outono.example"), "a-token-of-outono-with-many-characters"
SCOPES = ("profile:read", "record:read", "deadlines:read", "inbox:read")
QUESTIONS = (
    "When do I have to hand in my learning agreement?",
    "Wer muss mein Learning Agreement noch unterschreiben?",
    "¿Cuándo llega mi nota?",
    "What is the weather like on Mars?",
)
FORM = "application/x-www-form-urlencoded"
MCP = "2025-06-18"
PATIENCE = 60.0  # seconds for mails and messengers
SEEN, FILLING = 10_000, 24  # tokens that a process keeps; requests at a time
PARSED = 1_024  # of each: queries, forms, cookies and paths that Litestar keeps


@dataclass(kw_only=True)
class Doors:
    """What stands around the backend, and who comes in."""

    house: House
    login: LoginProvider
    mail: MailSink
    telegram: TelegramApi
    students: list[Student] = field(default_factory=list)
    assistant: str = ""  # an access token
    opened: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _turns: Any = None
    _next: Any = None  # doors, in turns over all rounds
    _number: int = 0

    def settings(self, folder: Path) -> dict[str, str]:
        """Return what the backend is told of them."""
        files = {
            "telegram-token": self.telegram.token,
            "telegram-secret": self.telegram.secret,
            "clients.toml": (
                '[[client]]\nid = "assistant"\nname = { en = "Study Helper" }\n'
                f'redirect_uris = ["http://127.0.0.1/back"]\nscopes = {list(SCOPES)}\n'
            ).replace("'", '"'),
        }
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        with (folder / "heis.toml").open("a", encoding="utf-8") as heis:
            heis.write(
                f'\n[[hei]]\nid = "{OUTONO}"\nname = {{ pt = "Escola do Outono" }}\n'
                'client_key = "backend.pem"\nadmin_emails = ["ewp@outono.example"]\n'
                f'feed_token_sha256 = ["{hashlib.sha256(FEED_TOKEN.encode()).hexdigest()}"]\n'
                '[hei.api]\nomobilities = "own"\n'
            )
        return {
            "ERASMUS_APP_OIDC_ISSUER": self.login.issuer,
            "ERASMUS_APP_LOGIN_URL": self.house.backend,
            "ERASMUS_APP_APP_LINKS": APP_LINK,
            "ERASMUS_APP_SMTP_URL": self.mail.url,
            "ERASMUS_APP_OAUTH_CLIENTS": str(folder / "clients.toml"),
            "ERASMUS_APP_TELEGRAM_TOKEN": str(folder / "telegram-token"),
            "ERASMUS_APP_TELEGRAM_SECRET": str(folder / "telegram-secret"),
            "ERASMUS_APP_TELEGRAM_URL": self.telegram.url,
            "ERASMUS_APP_TELEGRAM_ADDRESS": "https://t.me/erasmus_play_bot",
            "ERASMUS_APP_TRUSTED_DOCUMENTS_ONLY": "false",  # phones of the show write their own
        }

    async def allow(self, database: Database, session_key: Path, until: datetime) -> None:
        """Let a student allow an assistant to read for them."""
        account: UUID = await database.fetchval("select account_id from account limit 1")
        session, resource = uuid4(), "https://backend.example/mcp"
        await database.execute(
            """insert into session (session_id, account_id, kind, refresh_sha256, expires_at,
                   client_id, scopes, resource)
               values ($1, $2, 'app', $3, $4, 'assistant', $5, $6)""",
            session,
            account,
            hashlib.sha256(session.bytes).digest(),
            until,
            list(SCOPES),
            resource,
        )
        tokens = SignedTokens(
            (ECKey.import_key(session_key.read_bytes()),), "https://backend.example"
        )
        opened = Session(
            account_id=AccountId(account),
            session_id=session,
            expires_at=until,
            client_id="assistant",
            scopes=SCOPES,
            resource=resource,
        )
        self.assistant = tokens.issue(opened, until - timedelta(minutes=10))

    async def until(self, moment: float) -> None:
        """Come through one door after the other until the loop's clock says so."""
        clock = asyncio.get_running_loop().time
        self._turns = itertools.cycle(self.house.ports)
        self._next = self._next or itertools.cycle(self._every())
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            for door in self._next:
                if clock() > moment:
                    return
                name = door.__name__.strip("_").replace("_", " ")
                who = forwarded(random.randrange(100_000)).split("\r\n")[0]  # somebody, each time
                http.headers["x-forwarded-for"] = who.partition(": ")[2]
                try:
                    await door(http, random.choice(self.students))
                except (httpx.HTTPError, TimeoutError, AssertionError, KeyError) as error:
                    self.failures.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
                self.opened[name] += 1
                await asyncio.sleep(0.05)

    def _every(self) -> list[Callable[[httpx.AsyncClient, Student], Awaitable[None]]]:
        return [
            *(self._sign_in, self._ask, self._assist, self._calendar, self._feed),
            *(self._mail, self._write, self._listen, self._be_refused, self._operate),
        ]

    async def fill(self, session_key: Path) -> None:
        """Fill what each process keeps: tokens that were seen, connections, what was parsed.

        A cache that fills looks like a leak. Tokens are one student's, each of another second.
        """
        until = datetime.now(UTC) + timedelta(days=1)
        issuer = SignedTokens(
            (ECKey.import_key(session_key.read_bytes()),), "https://backend.example"
        )
        nobody = Session(account_id=AccountId(uuid4()), session_id=uuid4(), expires_at=until)
        body = b'{"query": "{ __typename }"}'
        for port in self.house.ports:
            doors, room = WireDoors([port]), asyncio.Semaphore(FILLING)

            async def one(second: int, doors: WireDoors = doors, room: Any = room) -> None:
                async with room:
                    token = issuer.issue(nobody, datetime.now(UTC) + timedelta(seconds=second))
                    lines = (
                        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                        f"{forwarded(second)}"
                    )
                    await doors.ask("POST", "/graphql", lines.encode(), body)

            async def parsed(number: int, doors: WireDoors = doors, room: Any = room) -> None:
                async with room:
                    lines = forwarded(number)
                    form = f"{lines}Content-Type: {FORM}\r\n"
                    cookie = f"{lines}Cookie: number={number}\r\n"
                    refused = f"grant_type=none&number={number}".encode()
                    await doors.ask("POST", "/auth/token", form.encode(), refused)
                    path = f"/auth/callback?state={number}&code=none"
                    await doors.ask("GET", path, cookie.encode(), b"")
                    await doors.ask("GET", f"/calendar/{number}", lines.encode(), b"")

            await asyncio.gather(*(one(each) for each in range(SEEN)))
            await asyncio.gather(*(parsed(each) for each in range(PARSED)))
            doors.close()

    def _at(self, path: str) -> str:
        return f"http://127.0.0.1:{next(self._turns)}{path}"

    async def _said(
        self, http: httpx.AsyncClient, student: Student, name: str, **variables: Any
    ) -> Any:
        answer = await http.post(
            self._at("/graphql"),
            json={"documentId": hashes()[name], "variables": variables},
            headers={"authorization": f"Bearer {student.token}"},
        )
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert "errors" not in found, answer.text
        return found["data"]

    async def _sign_in(self, http: httpx.AsyncClient, _: Student) -> None:
        phone = Phone(key="ines", name="Inês", fid="", language="en", backend=self._at(""))
        await phone.sign_in(http, APP_LINK)
        answer = await http.post(
            self._at("/auth/logout"), headers={"authorization": f"Bearer {phone.token}"}
        )
        assert answer.is_success, answer.text

    async def _ask(self, http: httpx.AsyncClient, student: Student) -> None:
        found = await self._said(http, student, "Ask", question=random.choice(QUESTIONS))
        assert found["ask"]["text"]

    async def _assist(self, http: httpx.AsyncClient, _: Student) -> None:
        answer = await http.post(
            self._at("/mcp"),
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
            headers={
                "host": "backend.example",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": MCP,
                "authorization": f"Bearer {self.assistant}",
            },
        )
        assert answer.status_code == 200, answer.text
        assert "result" in answer.text

    async def _calendar(self, http: httpx.AsyncClient, student: Student) -> None:
        made = (await self._said(http, student, "CreateCalendarFeed"))["createCalendarFeed"]
        answer = await http.get(self._at(httpx.URL(made["url"]).path))
        assert answer.text.startswith("BEGIN:VCALENDAR"), answer.text
        await self._said(http, student, "RevokeCalendarFeed", id=made["feed"]["id"])

    async def _feed(self, http: httpx.AsyncClient, _: Student) -> None:
        self._number += 1
        mobility = omobilities.StudentMobilityV3(
            omobility_id=OmobilityId(f"out-{self._number % 50}"),
            student=nominee(INES),
            nomination=omobilities.NominationV3(
                proposal_id=ProposalId("out-1"),
                sending_hei=omobilities.MobilityHei(hei_id=OUTONO),
                receiving_hei=omobilities.MobilityHei(hei_id=HeiId("partner-000.example")),
                sending_academic_term_ewp_id="2026/2027-1/2",
                receiving_academic_year_id=AcademicYearId("2026/2027"),
                activity_type="student-studies",
                activity_attributes="long-term",
                agreement_isced_f_code="0613",
                eqf_level_studied_at_departure=6,
                nominee_isced_f_code="0613",
                comment=f"Remark {self._number}",
            ),
            status=omobilities.StatusV3.PENDING,
        )
        answer = await http.post(
            self._at(f"/feed/{OUTONO}"),
            content=omobilities.write_get_response([mobility], major=3),
            headers={"content-type": "text/xml", "authorization": f"Bearer {FEED_TOKEN}"},
        )
        assert answer.is_success, answer.text

    async def _mail(self, http: httpx.AsyncClient, _: Student) -> None:
        self._number += 1
        student = self.students[self._number % len(self.students)]  # five addresses a day are heard
        before, address = len(self.mail.received), f"s{self._number}@post.example"
        said = await self._said(http, student, "SetMailAddress", address=address)
        assert "address" in said["setMailAddress"], said
        [mail, *_] = (await self.mail.wait(before + 1, PATIENCE))[before:]
        found = re.search(r"\b(\d{4}) ?(\d{4})\b", mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        assert found is not None
        await self._said(http, student, "ConfirmMailAddress", code="".join(found.groups()))
        await self._said(http, student, "RemoveMailAddress")
        self.mail.received.clear()
        self.mail.wire.clear()

    async def _write(self, http: httpx.AsyncClient, student: Student) -> None:
        """Link a chat, ask something in it, and take the link back."""
        self._number += 1
        made = (await self._said(http, student, "CreateChatLinkCode"))["createChatLinkCode"]
        if "code" not in made:  # this student had one a moment ago
            return
        for text in (made["code"], random.choice(QUESTIONS)):
            before = len(self.telegram.received)
            answer = await http.post(
                self._at("/chat/telegram"),
                json=self.telegram.update(self._number, text),
                headers={"x-telegram-bot-api-secret-token": self.telegram.secret},
            )
            assert answer.status_code == 200, answer.text
            await self.telegram.wait(before + 1, PATIENCE)
        links = (await self._said(http, student, "ChatMessengers"))["me"]["chatLinks"]
        for each in links:
            await self._said(http, student, "RemoveChatLink", id=each["id"])
        self.telegram.received.clear()

    async def _listen(self, http: httpx.AsyncClient, student: Student) -> None:
        """Subscribe over events, and leave after the first word."""
        async with http.stream(
            "POST",
            self._at("/graphql"),
            json={"documentId": hashes()["FollowInbox"], "variables": {}},
            headers={
                "authorization": f"Bearer {student.token}",
                "accept": "text/event-stream",
            },
        ) as stream:
            assert stream.status_code == 200
            async for _ in stream.aiter_bytes():
                break

    async def _be_refused(self, http: httpx.AsyncClient, student: Student) -> None:
        """Ask what is refused: without a token, in no language, too deep, at no door."""
        mine = {"authorization": f"Bearer {student.token}"}
        deep = "{ me " * 30 + "{ id }" + "}" * 30
        for path, body, headers in (
            ("/graphql", b'{"query": "{ me { id } }"}', {}),
            ("/graphql", b"{", mine),
            ("/graphql", b'{"query": "%b"}' % deep.encode(), mine),
            ("/auth/token", b"grant_type=refresh_token&refresh_token=x", {}),
            ("/ewp/nobody.example/omobility-cnr/2", b"omobility_id=x", {}),
            ("/nowhere", b"", {}),
        ):
            kind = {"content-type": "application/json" if body[:1] == b"{" else FORM}
            answer = await http.post(self._at(path), content=body, headers=headers | kind)
            refused = answer.status_code >= 400 or b'"errors"' in answer.content
            assert refused, f"{path}: {answer.status_code}"
            assert answer.status_code < 500, answer.text

    async def _operate(self, http: httpx.AsyncClient, _: Student) -> None:
        for path in ("/livez", "/readyz", "/metrics"):
            answer = await http.get(self._at(path))
            assert answer.status_code == 200, answer.text


async def doors(stack: AsyncExitStack, house: House) -> Doors:
    """Run what stands around the backend until the stack is left."""
    client = Client(
        client_id=CLIENT_ID,
        secret=CLIENT_SECRET,
        redirect_uris=(f"{house.backend}/auth/callback",),
    )
    telegram = TelegramApi()
    await stack.enter_async_context(running_api(telegram))
    return Doors(
        house=house,
        login=await stack.enter_async_context(running_login(clients=[client])),
        mail=await stack.enter_async_context(running_mail()),
        telegram=telegram,
    )
