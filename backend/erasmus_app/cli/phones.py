"""Phones of the show: each logs in and reads like the real app, over the real interfaces."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

HOME = """query Home {
  me { mobilities {
    sendingInstitution { name(language: "en") } receivingInstitution { name(language: "en") }
    state
    whoseMove { party institution { name(language: "en") } contact { email } }
    learningAgreement { state }
  } inbox(first: 1) { nodes { title body } } }
}"""
REGISTER = """mutation Register($device: DeviceInput!) {
  registerDevice(device: $device) { __typename }
}"""
AWAKE = """mutation Awake {
  setNotificationPreferences(preferences: {quietHours: null}) { __typename }
}"""
KEY = "{ pushKey }"


@dataclass(slots=True)
class Phone:
    """One student's phone: a session, and an installation of the app."""

    key: str  # what the provider's `login_hint` takes
    name: str
    fid: str
    language: str
    backend: str  # plain HTTP, as a browser on this machine reaches it
    token: str = ""
    refresh: str = ""  # what brings the next one
    seen: int = 0
    browser: str = ""  # of the same student, where there is one
    shown: int = 0  # messages there

    async def sign_in(self, http: httpx.AsyncClient, app_link: str) -> None:
        """Go the way of an app: browser, provider, app link, one-time code, tokens."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        query = {"app_challenge": challenge, "return_to": app_link, "login_hint": self.key}
        http.cookies.clear()
        left = await http.get(f"{self.backend}/auth/login", params=query)
        provider = await http.get(left.headers["location"])
        back = await http.get(provider.headers["location"])
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        tokens = await http.post(f"{self.backend}/auth/token", data=form)
        found = tokens.raise_for_status().json()
        self.token, self.refresh = found["access_token"], found["refresh_token"]

    async def ask(
        self, http: httpx.AsyncClient, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one operation; return its data."""
        answer = await http.post(
            f"{self.backend}/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self.token}", "accept-language": self.language},
        )
        data: dict[str, Any] = answer.raise_for_status().json()["data"]
        return data

    async def register(self, http: httpx.AsyncClient) -> None:
        """Let the backend push to this phone, at any hour: the show is given by night as well."""
        await self.ask(http, AWAKE)
        device = {"platform": "ANDROID", "target": self.fid, "language": self.language}
        await self.ask(http, REGISTER, {"device": device})

    async def push_key(self, http: httpx.AsyncClient) -> str:
        """Return what a browser gives to its push service."""
        return str((await self.ask(http, KEY))["pushKey"])

    async def register_browser(self, http: httpx.AsyncClient, subscription: str) -> None:
        """Let the backend push to the student's browser as well."""
        device = {"platform": "WEB", "targetKind": "WEB_PUSH", "target": subscription}
        await self.ask(http, REGISTER, {"device": device | {"language": self.language}})
