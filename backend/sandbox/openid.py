"""A login provider with MyAcademicID's shape: OpenID Connect, code flow, PKCE S256."""

import base64
import hashlib
import html
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey

from sandbox.cast import COVERED, STUDENTS, UNIVERSITIES

CODE_SECONDS, TOKEN_SECONDS = 60, 3600
AFFILIATION = "voperson_external_affiliation"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def _subject(key: str) -> str:
    return f"{hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()}@myacademicid.org"


def identities() -> dict[str, dict[str, Any]]:
    """Return the claims of everybody who can log in, by the key that `login_hint` takes."""
    found: dict[str, dict[str, Any]] = {}
    for key, student in STUDENTS.items():
        as_list = key in {"camille", "jonas"}  # the real provider sends both forms
        home: Any = [student.home] if as_list else student.home
        found[key] = {
            "name": f"{student.given_names} {student.family_name}",
            "given_name": student.given_names,
            "family_name": student.family_name,
            "email": student.email,
            "schac_home_organization": home,
            "schac_personal_unique_code": [student.esi] if as_list else student.esi,
            AFFILIATION: [f"student@{student.home}", f"member@{student.home}"],
        }
    person = COVERED.coordinator
    found["marta"] = {
        "name": f"{person.given_names} {person.family_name}",
        "email": person.email,
        "schac_home_organization": COVERED.hei_id,
        AFFILIATION: [f"staff@{COVERED.hei_id}", f"employee@{COVERED.hei_id}"],
    }
    found["rui"] = {
        "name": "Rui Sem Código",
        "email": "rui@alunos.ribeira.example",
        "schac_home_organization": COVERED.hei_id,
        AFFILIATION: f"student@{COVERED.hei_id}",
    }
    found["guest"] = {"name": "A Guest", "email": "guest@mail.example"}
    for key, claims in found.items():
        claims |= {"sub": _subject(key), "voperson_id": _subject(key)}
    return found


class OpenIdProvider:
    """The provider as an ASGI application. `faults` break one promise each, for tests."""

    def __init__(
        self, issuer: str, *, client_id: str, client_secret: str, redirect_uris: Collection[str]
    ) -> None:
        self.issuer = issuer
        self._client = (client_id, client_secret)
        self._redirect_uris = frozenset(redirect_uris)
        self._people = identities()
        self._key = ECKey.generate_key("P-256", private=True)
        self._kid = self._key.thumbprint()
        self._codes: dict[str, tuple[float, str, dict[str, str]]] = {}
        self._tokens: dict[str, str] = {}
        self.faults: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = dict(parse_qsl(scope["query_string"].decode()))
        headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
        if "down" in self.faults:
            await _send(send, 503, "text/plain", b"down for maintenance")
            return
        match scope["path"], scope["method"]:
            case "/.well-known/openid-configuration", "GET":
                await _json(send, 200, self._discovery())
            case "/OIDC/authorization", "GET":
                await self._authorize(send, query)
            case "/OIDC/token", "POST":
                await _json(send, *self._swap(dict(parse_qsl(body.decode())), headers))
            case "/OIDC/userinfo", "GET":
                await _json(send, *self._userinfo(headers))
            case "/OIDC/jwks", "GET":
                key = self._key.as_dict(private=False) | {"kid": self._kid, "use": "sig"}
                await _json(send, 200, {"keys": [key]})
            case _:
                await _send(send, 404, "text/plain", b"not found")

    def _discovery(self) -> dict[str, Any]:
        endpoint = f"{self.issuer}/OIDC"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{endpoint}/authorization",
            "token_endpoint": f"{endpoint}/token",
            "userinfo_endpoint": f"{endpoint}/userinfo",
            "jwks_uri": f"{endpoint}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        }

    async def _authorize(self, send: Send, query: dict[str, str]) -> None:
        target = query.get("redirect_uri", "")
        if query.get("client_id") != self._client[0] or target not in self._redirect_uris:
            await _send(send, 400, "text/plain", b"unknown client or redirect_uri")
            return
        back = {"state": query.get("state", ""), "iss": self.issuer}
        wrong = None
        if query.get("response_type") != "code":
            wrong = "unsupported_response_type"
        elif query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            wrong = "invalid_request"
        elif "openid" not in query.get("scope", "").split():
            wrong = "invalid_scope"
        who = query.get("login_hint", "")
        if wrong is None and who not in self._people:
            await _send(send, 200, "text/html; charset=utf-8", self._page(query))
            return
        if wrong is not None:
            back["error"] = wrong
        else:
            back["code"] = secrets.token_urlsafe(24)
            self._codes[back["code"]] = (time.monotonic(), who, query)
        location = f"{target}?{urlencode(back | self.faults.get('redirect', {}))}"
        await _send(send, 302, "text/plain", b"", [(b"location", location.encode())])

    def _swap(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        basic = headers.get("authorization", "")
        client = (form.get("client_id", ""), form.get("client_secret", ""))
        if basic.startswith("Basic "):
            name, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
            client = (name, secret)
        if client != self._client:
            return 401, {"error": "invalid_client"}
        made, who, query = self._codes.pop(form.get("code", ""), (0.0, "", {}))
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        fits = challenge.decode().rstrip("=") == query.get("code_challenge")
        same = form.get("redirect_uri") == query.get("redirect_uri")
        if not who or not fits or not same or time.monotonic() - made > CODE_SECONDS:
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = who
        half = hashlib.sha256(token.encode()).digest()[:16]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self._people[who]["sub"],
            "aud": self._client[0],
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "nonce": query.get("nonce"),
            "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        } | self.faults.get("id_token", {})
        header = {"alg": "ES256", "kid": self.faults.get("kid", self._kid)}
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": jwt.encode(header, claims, self._key),
        }

    def _userinfo(self, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        who = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if who is None:
            return 401, {"error": "invalid_token"}
        return 200, self._people[who] | self.faults.get("userinfo", {})

    def _page(self, query: dict[str, str]) -> bytes:
        rest = "".join(
            f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">'
            for k, v in query.items()
            if k != "login_hint"
        )
        rows = []
        for key, claims in self._people.items():
            home = claims.get("schac_home_organization", [])
            hei = UNIVERSITIES.get(home[0] if isinstance(home, list) and home else home)
            where = next(iter(hei.names.values())) if hei else "no university"
            roles = "staff" if key == "marta" else "student" if hei else "guest"
            rows.append(
                f'<li><button name="login_hint" value="{key}"><b>{html.escape(claims["name"])}</b>'
                f"<span>{roles}, {html.escape(where)}</span></button></li>"
            )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Who are you?</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1"><style>'
            "body{font:1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:6vh auto;padding:0 1rem}"
            "ul{list-style:none;padding:0}button{width:100%;text-align:left;font:inherit;padding:.7rem"
            " 1rem;margin:.25rem 0;border:1px solid #8886;border-radius:.6rem;background:none;"
            "color:inherit;cursor:pointer}button:hover,button:focus-visible{border-color:#0b5cad;"
            "outline:2px solid #0b5cad}span{display:block;opacity:.75}small{opacity:.75}"
            "@media(prefers-color-scheme:dark){body{background:#14171c;color:#e8eaee}}"
            "</style></head><body><main><h1>Who are you?</h1><p><small>This is the sandbox's play "
            "login. Nobody here is real, and there is no password.</small></p>"
            f'<form action="/OIDC/authorization" method="get">{rest}<ul>{"".join(rows)}</ul></form>'
            "</main></body></html>"
        ).encode()


async def _json(send: Send, status: int, value: dict[str, Any]) -> None:
    await _send(send, status, "application/json", json.dumps(value).encode())


async def _send(
    send: Send, status: int, kind: str, body: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store"), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
