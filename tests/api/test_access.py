"""Every field and route has an authorisation rule; one without a rule fails here."""

import re
from uuid import uuid4

from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute
from testbed import Bed

from erasmus_app.app import create_app

RULES = {
    ("GET", "/auth/login"): "public",
    ("GET", "/auth/callback"): "public",
    ("GET", "/auth/{provider:str}/login"): "public",
    ("GET", "/auth/{provider:str}/callback"): "public",
    ("GET", "/auth/doctor"): "signed_in",
    ("GET", "/auth/link/start"): "public",
    ("POST", "/auth/token"): "public",
    ("POST", "/auth/logout"): "signed_in",
    ("GET", "/.well-known/oauth-authorization-server"): "public",
    ("GET", "/auth/authorize"): "public",
    ("POST", "/auth/authorize"): "public",
    ("POST", "/auth/revoke"): "public",
    ("POST", "/feed/{hei_id:str}"): "feed",
    ("DELETE", "/feed/{hei_id:str}/{api:str}"): "feed",
    ("GET", "/feed/{hei_id:str}/decisions"): "feed",
    ("GET", "/privacy/exports/{export_id:uuid}"): "signed_in",
    ("GET", "/calendar/mobilities/{mobility:str}"): "signed_in",
    ("GET", "/calendar/{secret:str}"): "public",
    ("POST", "/chat"): "asking",
    ("POST", "/chat/telegram"): "messenger",
    ("GET", "/chat/whatsapp"): "public",  # the check of an address, by a token in the query
    ("POST", "/chat/whatsapp"): "messenger",
    ("GET", "/chat/messenger"): "public",  # likewise
    ("POST", "/chat/messenger"): "messenger",
    ("POST", "/chat/slack"): "messenger",
    ("PUT", "/_matrix/app/v1/transactions/{transaction:str}"): "messenger",
    ("POST", "/_matrix/app/v1/ping"): "messenger",
    ("GET", "/_matrix/app/v1/users/{user:str}"): "messenger",
    ("GET", "/_matrix/app/v1/rooms/{room:str}"): "messenger",
    ("GET", "/mail/stop/{token:str}"): "public",
    ("POST", "/mail/stop/{token:str}"): "public",
    ("GET", "/livez"): "public",
    ("GET", "/readyz"): "public",
    ("GET", "/startupz"): "public",
    ("GET", "/status"): "public",
    ("GET", "/status.json"): "public",
    ("GET", "/status/{hei_id:str}"): "public",
    ("GET", "/metrics"): "public",
    ("*", "/graphql"): "signed_in",
    ("GET", "/.well-known/oauth-protected-resource/mcp"): "public",
    ("GET", "/.well-known/oauth-protected-resource"): "public",
    ("GET", "/.well-known/erasmus-app/tools.json"): "public",
    ("*", "/ewp"): "ewp",
    ("*", "/mcp"): "assistant",
    ("GET", "/openapi"): "public",
    ("GET", "/openapi/openapi.json"): "public",
    ("GET", "/openapi/{path:str}"): "public",
}


def rules_of(app: Litestar) -> dict[tuple[str, str], str | None]:
    found: dict[tuple[str, str], str | None] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                    found[str(method), route.path] = handler.opt.get("access")
        else:
            assert isinstance(route, ASGIRoute)
            found["*", route.path.rstrip("/")] = route.route_handler.opt.get("access")
    return found


async def test_every_route_has_the_rule_that_is_written_down_here(bed: Bed):
    assert rules_of(create_app(bed.app).framework) == RULES


async def test_a_route_for_the_signed_in_answers_401_without_a_session(bed: Bed):
    closed = {where for where, rule in RULES.items() if rule in {"signed_in", "asking"}}
    for method, path in closed:
        answer = await bed.http.request(
            "POST" if method == "*" else method,
            bed.address + re.sub(r"\{\w+:\w+\}", str(uuid4()), path),
            json={"query": "{ me { id } }"},
        )
        assert answer.status_code == 401, path


async def test_a_route_for_feeds_answers_401_without_a_token(bed: Bed):
    closed = {where for where, rule in RULES.items() if rule == "feed"}
    for method, path in closed:
        url = f"{bed.address}{path.replace(':str', '').format(hei_id='r.example', api='iias')}"
        for headers in ({}, {"authorization": "Bearer unknown"}, {"authorization": "Basic eA=="}):
            answer = await bed.http.request(method, url, params={"object_id": "x"}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path


async def test_a_route_for_messengers_answers_404_where_none_is_configured(bed: Bed):
    paths = {where for where in RULES if "/chat/" in where[1] or "/_matrix/" in where[1]}
    assert len(paths) == 10
    for method, path in sorted(paths):
        url = bed.address + re.sub(r"\{\w+:\w+\}", "x", path)
        answer = await bed.http.request(method, url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
