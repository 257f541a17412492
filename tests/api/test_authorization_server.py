"""Apps and assistants get tokens from us: what the student is asked, and what comes of it."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from chatting import answered_by, answering_at_once
from databases import until
from msgspec.structs import replace
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from erasmus_app.api.pages import languages
from erasmus_app.oidc.documents import DocumentRefused

BACK = "http://127.0.0.1/back"
CLIENTS = f"""
[[client]]
id = "assistant"
name = {{ en = "Study Helper", de = "Studienhelfer" }}
redirect_uris = ["{BACK}", "https://assistant.example/back?from=us"]
scopes = ["profile:read", "record:read", "deadlines:read", "inbox:read", "chat"]

[[client]]
id = "phone"
name = {{ en = "Erasmus App" }}
redirect_uris = ["https://app.example/signed-in"]
scopes = ["app"]
first_party = true
"""
ME = "{ me { id } }"


@dataclass
class Assistant:
    """A client, as it lives through a connection; the browser is the bed's."""

    bed: Bed
    metadata: dict[str, Any]
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def wish(self, **changed: str | None) -> dict[str, str]:
        """What it asks for, with something changed; None leaves it out."""
        every = {
            "response_type": "code",
            "client_id": "assistant",
            "redirect_uri": BACK,
            "state": "s t&te",
            "scope": "record:read",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "resource": self.metadata["protected_resources"][0],
        } | changed
        return {name: value for name, value in every.items() if value is not None}

    async def asked(self, **changed: str | None) -> httpx.Response:
        """Send the browser, with whoever is signed in there."""
        address = self.metadata["authorization_endpoint"]
        return await self.bed.http.get(address, params=self.wish(**changed))

    async def answered(self, page: httpx.Response, answer: str, **more: Any) -> httpx.Response:
        form = {"question": question_of(page), "answer": answer}
        return await self.bed.http.post(self.metadata["authorization_endpoint"], data=form, **more)

    async def code(self, **changed: str | None) -> str:
        back = await self.answered(await self.asked(**changed), "allow")
        return query_of(back.headers["location"])["code"]

    async def token(self, **form: str | None) -> httpx.Response:
        return await self.bed.http.post(
            self.metadata["token_endpoint"],
            data={name: value for name, value in form.items() if value is not None},
        )

    async def swap(self, code: str, **changed: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": "assistant",
            "redirect_uri": BACK,
            "code_verifier": self.verifier,
        }
        return await self.token(**(form | changed))

    async def connected(self, **changed: str | None) -> dict[str, Any]:
        """Go the whole way; return the tokens."""
        answer = await self.swap(await self.code(**changed))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, token: str, **changed: str | None) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "assistant"}
        return await self.token(**(form | changed))

    async def ask(
        self, token: str, query: str = ME, operation: str | None = None
    ) -> httpx.Response:
        return await self.bed.http.post(
            f"{self.bed.address}/graphql",
            json={"query": query, "operationName": operation},
            headers={"authorization": f"Bearer {token}", "cookie": ""},
        )


@asynccontextmanager
async def assistant_running(dsn: str, valkey: str, folder: Path) -> AsyncIterator[Assistant]:
    """A backend that knows these clients."""
    file = folder / "clients.toml"
    file.write_text(CLIENTS, encoding="utf-8")
    async with bed_running(dsn, valkey, folder, worker=False, oauth_clients=str(file)) as bed:
        found = await bed.http.get(f"{bed.address}/.well-known/oauth-authorization-server")
        yield Assistant(bed, found.json())


@pytest.fixture
async def assistant(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with assistant_running(dsn, valkey, tmp_path) as assistant:
        yield assistant


async def log_in(bed: Bed, key: str = "ines") -> None:
    """Sign a student in to this browser."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": key})
    provider = await bed.http.get(left.headers["location"])
    await bed.http.get(provider.headers["location"])


def question_of(page: httpx.Response) -> str:
    return page.text.partition('name="question" value="')[2].partition('"')[0]


def query_of(address: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}


async def test_the_server_describes_itself_as_rfc_8414_wants_it(assistant: Assistant):
    here, issuer = assistant.bed.address, assistant.bed.app.services.settings.public_url
    AuthorizationServerMetadata(assistant.metadata).validate()

    assert assistant.metadata == {
        "issuer": issuer,
        "authorization_endpoint": f"{here}/auth/authorize",
        "token_endpoint": f"{here}/auth/token",
        "revocation_endpoint": f"{here}/auth/revoke",
        "scopes_supported": [
            *("profile:read", "record:read", "deadlines:read", "inbox:read", "chat", "app"),
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "ui_locales_supported": list(languages("consent")),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": [f"{issuer}/{each}" for each in ("graphql", "mcp", "chat")],
    }


async def test_a_student_logs_in_is_asked_and_an_assistant_reads_what_was_allowed(
    assistant: Assistant,
):
    bed = assistant.bed
    left = await assistant.asked()
    target = left.headers["location"]
    login = await bed.http.get(f"{bed.address}{target}&login_hint=ines")
    provider = await bed.http.get(login.headers["location"])
    returned = await bed.http.get(provider.headers["location"])
    page = await bed.http.get(f"{bed.address}{returned.headers['location']}")
    back = await assistant.answered(page, "allow")
    given = query_of(back.headers["location"])
    tokens = (await assistant.swap(given["code"])).json()

    assert (left.status_code, target.partition("?")[0]) == (302, "/auth/login")
    assert "Connect Study Helper?" in page.text
    assert (back.status_code, back.headers["location"].partition("?")[0]) == (303, BACK)
    assert given == {
        "code": given["code"],
        "state": "s t&te",
        "iss": bed.app.services.settings.public_url,
    }
    assert tokens == {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "expires_in": 600,
        "token_type": "Bearer",
        "scope": "record:read",
    }
    read = await assistant.ask(tokens["access_token"], "{ me { mobilities { id state } } }")
    assert (read.status_code, list(read.json()["data"]["me"])) == (200, ["mobilities"])


SPOKEN = {  # what the browser asks for: a title, and a scope in words
    "en-GB": ("Connect Study Helper?", "your deadlines and next steps"),
    "de": ("Studienhelfer verbinden?", "deine Fristen und nächsten Schritte"),
    "pt-BR,en;q=0.5": ("Ligar Study Helper?", "os teus prazos e próximos passos"),
    "tlh": ("Connect Study Helper?", "your deadlines and next steps"),
}


async def test_the_page_speaks_the_students_language_and_lets_nobody_frame_it(
    assistant: Assistant,
):
    await log_in(assistant.bed)
    for language, (title, scope) in SPOKEN.items():
        assistant.bed.http.headers["accept-language"] = language
        page = await assistant.asked(scope="deadlines:read")

        assert f'<h1 id="what">{title}</h1>' in page.text
        assert f"<li>{scope}</li>" in page.text
        assert "<script" not in page.text
        assert page.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"


async def test_who_says_no_sends_the_assistant_away_and_nothing_is_left(assistant: Assistant):
    await log_in(assistant.bed)
    back = await assistant.answered(await assistant.asked(), "deny")

    assert query_of(back.headers["location"]) == {
        "error": "access_denied",
        "error_description": "The student said no.",
        "state": "s t&te",
        "iss": assistant.bed.app.services.settings.public_url,
    }
    found = await assistant.bed.app.database.fetchval(
        "select count(*) from session where client_id is not null"
    )
    assert found == 0


WRONG = {  # what is changed: where the browser goes with which error; None: no further than a page
    "client_unknown": ({"client_id": "nobody"}, None),
    "no client": ({"client_id": None}, None),
    "other redirect": ({"redirect_uri": "https://attacker.example/back"}, None),
    "longer redirect": ({"redirect_uri": "https://assistant.example/back?from=us&more"}, None),
    "upper-case redirect": ({"redirect_uri": "https://assistant.example/BACK?from=us"}, None),
    "loopback by another path": ({"redirect_uri": "http://127.0.0.1:99/other"}, None),
    "loopback by another name": ({"redirect_uri": "http://localhost:99/back"}, None),
    "loopback of a user": ({"redirect_uri": "http://127.0.0.1@attacker.example/back"}, None),
    "redirect with a line": ({"redirect_uri": f"{BACK}\r\nset-cookie: a=b"}, None),
    "no redirect": ({"redirect_uri": None}, None),
    "token": ({"response_type": "token"}, "unsupported_response_type"),
    "id_token": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "request object": ({"request": "e30."}, "request_not_supported"),
    "request address": ({"request_uri": "https://a.example"}, "request_uri_not_supported"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE by default plain": ({"code_challenge_method": None}, "invalid_request"),
    "short challenge": ({"code_challenge": "short"}, "invalid_request"),
    "long state": ({"state": "s" * 1001}, "invalid_request"),
    "no question": ({"prompt": "none"}, "interaction_required"),
    "unknown scope": ({"scope": "record:write"}, "invalid_scope"),
    "scope of others": ({"scope": "record:read app"}, "invalid_scope"),
    "empty scope": ({"scope": ""}, "invalid_scope"),
    "stranger's resource": ({"resource": "https://other.example/graphql"}, "invalid_target"),
}


def outcome(answer: httpx.Response) -> str | None:
    """The error that a client is told, at its own address; None: a page, and no way on."""
    if answer.status_code == 400 and "location" not in answer.headers:
        assert "<form" not in answer.text
        return None
    assert answer.headers["location"].partition("?")[0] == BACK
    told = query_of(answer.headers["location"])
    assert told["iss"]
    return told["error"]


async def test_a_wrong_request_is_refused_where_that_may_be_told(assistant: Assistant):
    await log_in(assistant.bed)
    with capture_logs() as logs:
        found = {
            name: outcome(await assistant.asked(**changed)) for name, (changed, _) in WRONG.items()
        }

    assert found == {name: error for name, (_, error) in WRONG.items()}
    told = [each["event"] for each in logs if each["event"] != "nlu.ready"]  # in its own time
    assert told == ["oauth.refused"] * len(WRONG)
    assert "s t&te" not in str(logs)


async def test_a_parameter_that_comes_twice_is_refused(assistant: Assistant):
    await log_in(assistant.bed)
    found = {}
    for name, value in assistant.wish().items():
        query = urlencode([*assistant.wish().items(), (name, value)])
        answer = await assistant.bed.http.get(f"{assistant.bed.address}/auth/authorize?{query}")
        found[name] = outcome(answer)

    unproven = dict.fromkeys(("client_id", "redirect_uri"))
    assert found == dict.fromkeys(assistant.wish(), "invalid_request") | unproven


async def test_an_app_on_the_device_is_answered_at_whatever_port_it_has(assistant: Assistant):
    await log_in(assistant.bed)
    back = await assistant.answered(
        await assistant.asked(redirect_uri="http://127.0.0.1:51004/back"), "allow"
    )
    kept = await assistant.answered(
        await assistant.asked(redirect_uri="https://assistant.example/back?from=us"), "allow"
    )

    assert back.headers["location"].startswith("http://127.0.0.1:51004/back?code=")
    assert kept.headers["location"].startswith("https://assistant.example/back?from=us&code=")


async def test_a_question_is_answered_once_and_by_the_browser_that_was_asked(
    assistant: Assistant,
):
    await log_in(assistant.bed)
    page = await assistant.asked()
    await log_in(assistant.bed, "tiago")
    other = await assistant.answered(page, "allow")
    page = await assistant.asked()
    first = await assistant.answered(page, "allow")
    second = await assistant.answered(page, "allow")

    assert (other.status_code, first.status_code, second.status_code) == (400, 303, 400)
    assert "answered already" in second.text


async def test_another_site_cannot_answer_for_a_student(assistant: Assistant):
    await log_in(assistant.bed)
    for headers in (
        {"origin": "https://attacker.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        page = await assistant.asked()
        assert outcome(await assistant.answered(page, "allow", headers=headers)) is None, headers


async def test_a_browser_without_cookies_is_told_so_instead_of_going_round(assistant: Assistant):
    address = assistant.metadata["authorization_endpoint"]
    answer = await assistant.bed.http.get(address, params=assistant.wish() | {"returned": "1"})

    assert (answer.status_code, "keeps no cookies" in answer.text) == (400, True)


async def test_our_own_app_needs_no_question_and_may_everything(assistant: Assistant):
    await log_in(assistant.bed)
    own = {"client_id": "phone", "redirect_uri": "https://app.example/signed-in"}
    back = await assistant.asked(**own, scope="app")
    code = query_of(back.headers["location"])["code"]
    tokens = (await assistant.swap(code, **own)).json()
    read = await assistant.ask(tokens["access_token"], "{ me { devices { id } sessions { id } } }")

    assert (back.status_code, tokens["scope"]) == (302, "app")
    assert read.status_code == 200


SPOILT = {
    "verifier": ({"code_verifier": "v" * 48}, "invalid_grant"),
    "no verifier": ({"code_verifier": None}, "invalid_grant"),
    "client": ({"client_id": "phone"}, "invalid_grant"),
    "redirect": ({"redirect_uri": "http://127.0.0.1:1/back"}, "invalid_grant"),
    "no redirect": ({"redirect_uri": None}, "invalid_grant"),
    "resource": ({"resource": "https://other.example"}, "invalid_target"),
    "as our app's": ({"client_id": None}, "invalid_grant"),
}


async def test_a_code_is_good_for_whom_it_was_given_to(assistant: Assistant):
    await log_in(assistant.bed)
    found = {}
    for name, (changed, _) in SPOILT.items():
        answer = await assistant.swap(await assistant.code(), **changed)
        assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
        found[name] = answer.json()["error"]

    assert found == {name: error for name, (_, error) in SPOILT.items()}


async def test_a_code_that_comes_twice_ends_what_the_first_gave(assistant: Assistant):
    await log_in(assistant.bed)
    code = await assistant.code()
    tokens = (await assistant.swap(code)).json()
    again = await assistant.swap(code)

    assert again.json()["error"] == "invalid_grant"
    assert (await assistant.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"

    async def ended() -> bool:
        return (await assistant.ask(tokens["access_token"])).status_code == 401

    await until(ended)


async def test_of_a_code_that_comes_twice_at_once_nothing_is_left(assistant: Assistant):
    await log_in(assistant.bed)
    code = await assistant.code()
    await asyncio.gather(*(assistant.swap(code) for _ in range(4)))

    left = "select count(*) from session where client_id is not null and revoked_at is null"
    assert await assistant.bed.app.database.fetchval(left) == 0


async def test_nobody_has_anything_fetched_by_us_before_they_are_signed_in(assistant: Assistant):
    fetched: list[str] = []

    class Watched:
        async def get(self, address: str) -> tuple[bytes, dict[str, str]]:
            fetched.append(address)
            raise DocumentRefused("unreachable")

    assistant.bed.app.services.authorization.clients.documents = Watched()
    stranger = {"client_id": "https://helper.example/client.json"}
    out = await assistant.asked(**stranger)
    await log_in(assistant.bed)
    page = await assistant.asked(**stranger)

    assert (out.status_code, out.headers["location"].partition("?")[0]) == (302, "/auth/login")
    assert (page.status_code, fetched) == (400, [stranger["client_id"]])


async def test_tokens_are_renewed_for_no_more_than_before(assistant: Assistant):
    await log_in(assistant.bed)
    tokens = await assistant.connected(scope="record:read inbox:read")
    token = tokens["refresh_token"]
    more = await assistant.refresh(token, scope="record:read profile:read")
    elsewhere = await assistant.refresh(token, resource="https://other.example")
    other = await assistant.refresh(token, client_id="phone")
    own = await assistant.refresh(token, client_id=None)
    less = await assistant.refresh(token, scope="inbox:read")
    whole = await assistant.refresh(less.json()["refresh_token"])

    assert [each.json()["error"] for each in (more, elsewhere, other, own)] == [
        *("invalid_scope", "invalid_target", "invalid_grant", "invalid_grant"),
    ]
    assert less.json()["scope"] == "inbox:read"
    refused = await assistant.ask(less.json()["access_token"], "{ me { mobilities { id } } }")
    assert refused.status_code == 403
    assert whole.json()["scope"] == "record:read inbox:read"


BEYOND = {
    "{ me { displayName } }": "profile:read",
    "{ me { inbox { nodes { id } } } }": "inbox:read",
    "{ me { devices { id } } }": "app",
    "{ me { sessions { id } } }": "app",
    "{ me { connectedApps { id } } }": "app",
    "{ me { mobilities { learningAgreement { state } } } }": "record:read",
    "mutation { endOtherSessions }": "app",
    "mutation { requestErasure { id } }": "app",
    "query A { me { id } } fragment F on Student { devices { id } } query B { me { ...F } }": "app",
}


async def test_an_assistant_reads_nothing_beyond_what_was_allowed(assistant: Assistant):
    await log_in(assistant.bed)
    tokens = await assistant.connected(scope="deadlines:read")
    for query, scope in BEYOND.items():
        answer = await assistant.ask(
            tokens["access_token"], query, "A" if "query A" in query else None
        )
        [error] = answer.json()["errors"]

        assert answer.status_code == 403, query
        assert error == {
            "message": f"the student has not allowed this app {scope}",
            "extensions": {
                "code": "insufficient_scope",
                "request_id": answer.headers["x-request-id"],
            },
        }
        assert answer.headers["www-authenticate"] == (
            f'Bearer error="insufficient_scope", scope="{scope}"'
        )


async def test_an_assistant_sees_deadlines_and_whose_move_it_is(assistant: Assistant):
    await log_in(assistant.bed)
    tokens = await assistant.connected(scope="deadlines:read")
    query = "{ me { mobilities { id state deadlines { kind on } whoseMove { party } } } }"
    answer = await assistant.ask(tokens["access_token"], query)

    assert (answer.status_code, "errors" in answer.json()) == (200, False)


async def test_a_token_is_good_where_it_was_meant_for_and_nowhere_else(assistant: Assistant):
    await log_in(assistant.bed)
    for_mcp = await assistant.connected(resource=assistant.metadata["protected_resources"][1])
    tokens = await assistant.connected()
    bearer = {"authorization": f"Bearer {tokens['access_token']}", "cookie": ""}
    out = await assistant.bed.http.post(f"{assistant.bed.address}/auth/logout", headers=bearer)

    elsewhere = await assistant.ask(for_mcp["access_token"])
    assert (elsewhere.status_code, elsewhere.headers["www-authenticate"]) == (401, "Bearer")
    assert out.status_code == 401
    assert (await assistant.ask(tokens["access_token"])).status_code == 200


async def chatted(assistant: Assistant, tokens: dict[str, Any]) -> httpx.Response:
    return await assistant.bed.http.post(
        f"{assistant.bed.address}/chat",
        json={"question": "who signs?"},
        headers={"authorization": f"Bearer {tokens['access_token']}", "cookie": ""},
    )


async def test_an_assistant_asks_in_plain_words_where_the_student_has_allowed_that(
    assistant: Assistant,
):
    bed = assistant.bed
    _, for_mcp, for_chat = assistant.metadata["protected_resources"]
    await log_in(bed)
    by_name = await assistant.connected(scope="chat", resource=for_chat)
    unnamed = await assistant.connected(scope=None, resource=None)
    elsewhere = await assistant.connected(scope="chat", resource=for_mcp)
    as_most = await assistant.connected(scope="chat", resource=None)
    with answered_by(bed, answering_at_once()):
        found = [await chatted(assistant, each) for each in (by_name, as_most, elsewhere, unnamed)]
        asked = await assistant.ask(as_most["access_token"], "{ ask { text } }")
        more = await assistant.ask(as_most["access_token"], "{ me { mobilities { id } } }")

    assert [each.status_code for each in found] == [200, 200, 401, 403]
    assert unnamed["scope"] == "profile:read record:read deadlines:read inbox:read"
    assert found[-1].headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="chat"'
    )
    assert asked.json() == {"data": {"ask": {"text": "Lindental has to sign."}}}
    assert more.status_code == 403


async def test_connected_apps_are_listed_and_ended(assistant: Assistant):
    bed = assistant.bed
    phone = await bed.signed_in("ines")
    await log_in(bed)
    tokens = await assistant.connected()
    listing = "{ me { connectedApps { id name host scopes } sessions { kind } } }"
    found = (await bed.ask(phone, listing))["me"]
    [app] = found["connectedApps"]
    other = await bed.signed_in("tiago")
    ending = "mutation($id: ID!) { disconnectApp(id: $id) }"
    by_other = await bed.ask(other, ending, id=app["id"])
    by_owner = await bed.ask(phone, ending, id=app["id"])
    again = await bed.ask(phone, ending, id=app["id"])

    assert app == {
        "id": app["id"],
        "name": "Study Helper",
        "host": None,
        "scopes": ["record:read"],
    }
    assert sorted(each["kind"] for each in found["sessions"]) == ["APP", "BROWSER"]
    assert [each["disconnectApp"] for each in (by_other, by_owner, again)] == [False, True, False]
    assert (await bed.ask(phone, listing))["me"]["connectedApps"] == []
    assert (await assistant.refresh(tokens["refresh_token"])).status_code == 400


async def test_a_token_is_revoked_by_its_client_and_by_no_other(assistant: Assistant):
    await log_in(assistant.bed)
    address = assistant.metadata["revocation_endpoint"]

    async def revoke(token: str, **more: str) -> int:
        form = {"token": token} | more
        return (await assistant.bed.http.post(address, data=form)).status_code

    by_refresh, by_access = await assistant.connected(), await assistant.connected()
    statuses = [
        await revoke(by_refresh["refresh_token"], client_id="phone"),
        await revoke(by_refresh["refresh_token"]),
        await revoke("unknown", client_id="assistant"),
        await revoke("", client_id="assistant"),
        await revoke(by_refresh["refresh_token"], client_id="assistant"),
        await revoke(by_access["access_token"], client_id="assistant"),
        await revoke(by_refresh["refresh_token"], client_id="assistant"),
    ]

    assert statuses == [400, 400, 200, 400, 200, 200, 200]
    for each in (by_refresh, by_access):
        assert (await assistant.refresh(each["refresh_token"])).status_code == 400


async def test_a_name_cannot_become_markup(assistant: Assistant):
    await log_in(assistant.bed)
    clients = assistant.bed.app.services.authorization.clients
    real = clients.registered["assistant"]
    clients.registered["assistant"] = replace(real, names={"en": "<script>alert(1)</script>{x}"})
    page = await assistant.asked()

    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{x}" in page.text
