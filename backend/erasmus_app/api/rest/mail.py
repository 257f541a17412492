"""Stopping mails from the mail itself, without a login: RFC 8058, and a page for people."""

import html
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import PathParameter

from erasmus_app.api.rest.login import NO_STORE
from erasmus_app.errors import NotFound
from erasmus_app.kit.languages import accepted
from erasmus_app.notifications.letters import MailWords
from erasmus_app.services import Services

log = structlog.get_logger(__name__)

HEADERS = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address is what stops them
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{font:1.1rem/1.5 sans-serif;max-width:34rem;margin:10vh auto;padding:0 1rem}}
button{{font:inherit;padding:.7rem 1.2rem}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p>{button}</main></body></html>"""
_BUTTON = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>{}</button></form>"""

_Token = Annotated[str, PathParameter(description="As it stands in the mail.")]


@get(
    "/mail/stop/{token:str}",
    tags=["mail"],
    operation_id="askToStopMails",
    summary="The page that asks whether mails are to stop",
    opt={"access": "public"},
    media_type=MediaType.HTML,
)
async def ask_to_stop(
    request: Request[Any, Any, Any], state: State, token: _Token
) -> Response[str]:
    """Show a page with a button, and change nothing: scanners of mail follow every link."""
    services: Services = state.services
    if not services.mail_addresses.store.is_token(token):
        raise NotFound("This address stops no mails.")
    language, words = _words(services, request)
    return _page(language, words, words.page_ask, _BUTTON.format(html.escape(words.stop)))


@post(
    "/mail/stop/{token:str}",
    tags=["mail"],
    operation_id="stopMails",
    summary="Mail nothing more to an address",
    opt={"access": "public"},
    media_type=MediaType.HTML,
    status_code=HTTPStatus.OK,
)
async def stop(request: Request[Any, Any, Any], state: State, token: _Token) -> Response[str]:
    """Stop them, for the button as for a mail program's one click (RFC 8058). Again: the same."""
    services: Services = state.services
    if not await services.mail_addresses.store.stop(token, services.clock()):
        raise NotFound("This address stops no mails.")
    log.info("mail.stopped")
    language, words = _words(services, request)
    return _page(language, words, words.page_done, "")


def _words(services: Services, request: Request[Any, Any, Any]) -> tuple[str, MailWords]:
    languages = services.messages.languages
    wanted = accepted(request.headers.get("accept-language", ""), languages, "en")
    return services.letters.words_in(wanted)


def _page(language: str, words: MailWords, text: str, button: str) -> Response[str]:
    page = _PAGE.format(
        language=language,
        title=html.escape(words.page_title),
        text=html.escape(text),
        button=button,
    )
    return Response(page, media_type=MediaType.HTML, headers=HEADERS)
