"""Who may ask for tokens: clients that are registered, and clients that describe themselves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.clients import Client, redirect_trouble
from erasmus_app.oidc import clients
from erasmus_app.oidc.clients import KnownClients, is_document_address, load_clients, read_document
from erasmus_app.oidc.documents import DocumentRefused

ID = "https://helper.example/client.json"
GOOD: dict[str, Any] = {
    "client_id": ID,
    "client_name": "Helper",
    "client_uri": "https://helper.example/",
    "redirect_uris": ["http://127.0.0.1/back", "com.example.helper:/back"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
    "scope": "record:read app unheard:of",
}
HELPER = Client(
    client_id=ID,
    names={"": "Helper"},
    redirect_uris=("http://127.0.0.1/back", "com.example.helper:/back"),
    scopes=("record:read",),
)
REGISTERED = """
[[client]]
id = "phone"
name = { en = "App", de = "Die App" }
redirect_uris = ["https://app.example/signed-in"]
scopes = ["app"]
first_party = true
"""


def test_registered_clients_are_read(tmp_path: Path):
    file = tmp_path / "clients.toml"
    file.write_text(REGISTERED, encoding="utf-8")
    [client] = load_clients(file).values()

    assert client == Client(
        client_id="phone",
        names={"en": "App", "de": "Die App"},
        redirect_uris=("https://app.example/signed-in",),
        scopes=("app",),
        is_ours=True,
        is_first_party=True,
    )
    assert [client.name(each) for each in ("de", "en", "pt")] == ["Die App", "App", "App"]
    assert load_clients(None) == {}


WRONG = {
    'id = "phone"': ("", "phone"),  # left out: the next one counts
    'name = { en = "App", de = "Die App" }': ("name = {}", "name: wants a text"),
    '["app"]': ('["everything"]', "scopes: wants some of"),
    '["https://app.example/signed-in"]': ("[]", "redirect_uris: wants one"),
    "https://app.example/signed-in": ("http://app.example/", "is neither https nor on the device"),
    '"phone"': ('"https://app.example/phone"', "id: wants a name, and no address"),
    "first_party = true": ("secret = 'x'", "unknown field `secret`"),
    "https://app.example/": ("com.example.app:/", "first_party: wants https redirect_uris"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_stops_the_start_and_says_why(tmp_path: Path, what: str):
    instead, message = WRONG[what]
    file = tmp_path / "clients.toml"
    file.write_text(REGISTERED.replace(what, instead), encoding="utf-8")
    with pytest.raises(SettingsInvalid) as refused:
        load_clients(file)

    assert str(refused.value).startswith(f"ERASMUS_APP_OAUTH_CLIENTS: {file}: ")
    assert message in str(refused.value) or "missing required field" in str(refused.value)


def test_two_clients_of_one_name_stop_the_start(tmp_path: Path):
    file = tmp_path / "clients.toml"
    file.write_text(REGISTERED * 2, encoding="utf-8")
    with pytest.raises(SettingsInvalid, match="phone: id: is two clients'"):
        load_clients(file)


NOBODYS = "has a scheme that is nobody's own (RFC 8252 wants a reversed domain name)"
REDIRECTS = {
    "https://app.example/back": None,
    "https://app.example/back?from=us": None,
    "http://localhost:8080/back": None,
    "http://[::1]/back": None,
    "com.example.app:/back": None,
    "http://app.example/back": "is neither https nor on the device itself",
    "http://127.0.0.1.attacker.example/": "is neither https nor on the device itself",
    "https://app.example/back#": "has a fragment",
    "https://app.example/#a": "has a fragment",
    "https://user@app.example/": "has a user in it",
    "https:///back": "has no host",
    "javascript:alert(1)": NOBODYS,
    "data:text/html,x": NOBODYS,
    "myapp:/back": NOBODYS,
    "//app.example/back": NOBODYS,
    "https://[half/": "is no address",
    "https://app.example\\@attacker.example/": "is no address",
    "https://app.example/ back": "is no address",
    "https://app.example/\r\nx": "is no address",
    "": "is no address",
}


def test_an_address_to_be_answered_at_is_the_clients_own():
    assert {each: redirect_trouble(each) for each in REDIRECTS} == REDIRECTS


def test_a_client_describes_itself():
    assert read_document(ID, json.dumps(GOOD).encode()) == HELPER
    assert HELPER.host == "helper.example"


UNFIT = {
    "another's": {"client_id": "https://helper.example/other.json"},
    "a secret": {"client_secret": "x"},
    "a method with a secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "no name": {"client_name": " "},
    "a name that turns round": {"client_name": "Helper \u202egnorw"},
    "a long name": {"client_name": "h" * 61},
    "no address": {"redirect_uris": []},
    "too many addresses": {"redirect_uris": [f"https://a.example/{n}" for n in range(21)]},
    "a script": {"redirect_uris": ["javascript:alert(1)"]},
    "only what is ours": {"scope": "app"},
    "a list as a name": {"client_name": ["Helper"]},
}


@pytest.mark.parametrize("what", UNFIT)
def test_a_document_that_does_not_fit_describes_nobody(what: str):
    with pytest.raises(ValueError, match=r"."):  # msgspec's are of this kind as well
        read_document(ID, json.dumps(GOOD | UNFIT[what]).encode())


ADDRESSES = {
    ID: True,
    "https://helper.example:8443/a/client": True,
    "http://helper.example/client.json": False,
    "https://helper.example": False,
    "https://helper.example/": False,
    "https://helper.example/a/../client.json": False,
    "https://helper.example/./client.json": False,
    "https://user@helper.example/client.json": False,
    "https://helper.example/client.json#a": False,
    "https://helper.example:port/client.json": False,
    "https://hélper.example/client.json": False,
    "https:///client.json": False,
    "phone": False,
    "": False,
    f"https://helper.example/{'a' * 500}": False,
}


def test_only_a_plain_https_address_is_a_document():
    assert {each: is_document_address(each) for each in ADDRESSES} == ADDRESSES


class Shelf:
    """Documents by address."""

    def __init__(self, document: Mapping[str, Any] | None, cache: str = "") -> None:
        self.document, self.cache = document, cache
        self.asked: list[str] = []

    async def get(self, address: str) -> tuple[bytes, Mapping[str, str]]:
        self.asked.append(address)
        if self.document is None:
            raise DocumentRefused("unreachable")
        return json.dumps(self.document).encode(), {"cache-control": self.cache}


async def test_a_document_is_read_again_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(clients.time, "monotonic", lambda: now)
    for cache, seconds in (
        ("", 3600),
        ("public, max-age=600", 600),
        ("max-age=1", 60),
        ("max-age=999999999", 86400),
    ):
        shelf = Shelf(GOOD, cache)
        known = KnownClients({}, shelf)
        found = [await known.client(ID), await known.client(ID)]
        now += seconds - 1
        found.append(await known.client(ID))
        assert (found, shelf.asked) == ([HELPER] * 3, [ID])
        now += 1
        await known.client(ID)
        assert shelf.asked == [ID, ID]


async def test_a_client_that_cannot_be_read_is_asked_again_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
):
    now = 1000.0
    monkeypatch.setattr(clients.time, "monotonic", lambda: now)
    shelf = Shelf(None)
    known = KnownClients({}, shelf)
    with capture_logs() as logs:
        found = [await known.client(ID), await known.client(ID)]
    now += 60
    shelf.document = GOOD

    assert found == [None, None]
    assert logs == [
        {
            "event": "oauth.client_refused",
            "log_level": "info",
            "host": "helper.example",
            "reason": "unreachable",
        }
    ]
    assert await known.client(ID) == HELPER


async def test_where_nobody_may_describe_themselves_nothing_is_fetched():
    assert await KnownClients({}, None).client(ID) is None
    shelf = Shelf(GOOD)
    assert await KnownClients({"phone": HELPER}, shelf).client("phone") is HELPER
    assert await KnownClients({}, shelf).client("unheard") is None
    assert shelf.asked == []


async def test_only_so_many_documents_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clients, "MOST_CLIENTS", 2)
    shelf = Shelf(GOOD)
    known = KnownClients({}, shelf)
    for number in (1, 2, 3, 1):
        await known.client(f"https://helper.example/{number}")

    assert [each[-1] for each in shelf.asked] == ["1", "2", "3", "1"]
