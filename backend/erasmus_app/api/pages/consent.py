"""The page on which a student allows an app or assistant something; no script, no other site.

Its words stand beside it, a file for each language.
"""

import html
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

import msgspec

from erasmus_app.api.pages import words
from erasmus_app.identity.authorization import AuthorizationRequest
from erasmus_app.identity.clients import APP, Client
from erasmus_app.kit.icu import one_stop

_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>
:root{{--ink:#16202c;--soft:#4a5766;--paper:#f4f6f9;--card:#fff;--line:#c9d1db;--blue:#0b4ea2;
--on-blue:#fff;--warn:#fff4d6;--warn-ink:#4d3800}}
@media(prefers-color-scheme:dark){{:root{{--ink:#e9edf2;--soft:#b0bbc8;--paper:#10151b;
--card:#1a212a;--line:#445262;--blue:#8ab8f5;--on-blue:#0b1a2c;--warn:#3a2f12;--warn-ink:#ffe6a3}}}}
*{{box-sizing:border-box}}
body{{margin:0;padding:1.25rem;background:var(--paper);color:var(--ink);
font:1.0625rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}
main{{max-width:32rem;margin:4vh auto;padding:1.5rem;background:var(--card);
border:1px solid var(--line);border-radius:14px}}
h1{{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}}
p,ul{{margin:0 0 1rem}}ul{{padding-left:1.25rem}}li{{margin:.25rem 0}}
.soft{{color:var(--soft);font-size:.9375rem}}a{{color:inherit}}
.warn{{background:var(--warn);color:var(--warn-ink);padding:.75rem 1rem;border-radius:8px}}
form{{display:flex;flex-direction:column;gap:.75rem;margin:1.25rem 0 0}}
button{{font:inherit;font-weight:600;min-height:3rem;padding:.6rem 1rem;border-radius:10px;
border:2px solid var(--blue);background:transparent;color:var(--blue);cursor:pointer}}
button.allow{{background:var(--blue);color:var(--on-blue)}}
button:focus-visible,a:focus-visible{{outline:3px solid var(--ink);outline-offset:3px}}
</style></head><body><main>{body}</main></body></html>"""


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page's words in one language."""

    title: str
    signed_in_as: str
    not_you: str
    stranger: str
    may: str
    may_all: str
    may_not: str
    until: str
    back: str
    on_device: str
    allow: str
    deny: str
    refused_title: str
    close: str
    scopes: Mapping[str, str]
    refusals: Mapping[str, str]


@cache
def _words(language: str) -> Words:
    return msgspec.convert(words("consent", language), Words)


def consent_page(
    client: Client,
    request: AuthorizationRequest,
    *,
    question: str,
    name: str | None,
    other_login: str,
    until: str,
    language: str,
) -> str:
    """Ask a student.

    Args:
        client: who wants to be allowed something.
        request: what it wants.
        question: the name under which the answer is awaited.
        name: the student's, as the login provider sent it.
        other_login: where somebody else can log in.
        until: the day on which it is over at the latest, written in that language.
        language: one of `languages("consent")`.
    """
    say = _words(language)
    app = client.name(language)
    lines = [f'<h1 id="what">{_text(say.title, app=app)}</h1>']
    if name:
        lines.append(
            f'<p class="soft">{_text(say.signed_in_as, name=name)} '
            f'<a href="{html.escape(other_login)}">{_text(say.not_you)}</a></p>'
        )
    if client.host is not None:
        lines.append(f'<p class="warn">{_text(say.stranger, app=app, host=client.host)}</p>')
    if APP in request.scopes:
        lines.append(f"<p>{_text(say.may_all, app=app)}</p>")
    else:
        items = "".join(f"<li>{_text(say.scopes[each])}</li>" for each in request.scopes)
        lines.append(
            f'<p id="may">{_text(say.may, app=app)}</p><ul aria-labelledby="may">{items}</ul>'
        )
        lines.append(f"<p>{_text(say.may_not)}</p>")
    lines.append(f'<p class="soft">{_text(say.until, date=until)} ')
    lines.append(f"{_text(say.back, target=_target(request.redirect_uri, say))}</p>")
    lines.append(
        '<form method="post" action="/auth/authorize" aria-labelledby="what">'
        f'<input type="hidden" name="question" value="{html.escape(question)}">'
        f'<button class="allow" name="answer" value="allow">{_text(say.allow)}</button>'
        f'<button name="answer" value="deny">{_text(say.deny)}</button></form>'
    )
    return _PAGE.format(language=language, title=_text(say.title, app=app), body="".join(lines))


def refusal_page(code: str, language: str) -> str:
    """Say why nothing can be allowed."""
    say = _words(language)
    why = say.refusals.get(code, say.refusals["other"])
    body = (
        f"<h1>{_text(say.refused_title)}</h1><p>{_text(why)}</p>"
        f'<p class="soft">{_text(say.close)}</p>'
    )
    return _PAGE.format(language=language, title=_text(say.refused_title), body=body)


def _text(pattern: str, **given: str) -> str:
    """Put values into a text; none of it becomes markup."""
    return html.escape(one_stop(pattern.format_map(given)))


def _target(redirect_uri: str, say: Words) -> str:
    """Return where an answer goes, as a person reads it."""
    parts = urlsplit(redirect_uri)
    return parts.hostname if parts.scheme == "https" and parts.hostname else say.on_device
