"""The login doctor as a page, in plain words."""

from html import escape
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.datastructures import State

from erasmus_app.api.pages import languages, words
from erasmus_app.api.pages.findings import told
from erasmus_app.api.rest.login import NO_STORE
from erasmus_app.errors import NotSignedIn
from erasmus_app.identity.doctor import RELEASE_TEST, Diagnosis, Finding
from erasmus_app.kit.cldr import written_day
from erasmus_app.kit.languages import accepted
from erasmus_app.services import Services

HEADERS = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Language, Cookie",
}
NAMES = {"myacademicid": "MyAcademicID", "feide": "Feide"}
"""How providers write themselves; any other is shown by its name here."""
_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>
:root{{--paper:#f4f5f8;--card:#fff;--ink:#1b1f27;--soft:#5a6272;--line:#d9dde5;--mark:#b25400;
--link:#0b57b0}}
@media(prefers-color-scheme:dark){{:root{{--paper:#12151b;--card:#1c212a;--ink:#e9ecf2;
--soft:#a3acbb;--line:#343b48;--mark:#ffb065;--link:#8fc0ff}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}}
main{{max-width:40rem;margin:0 auto;padding:1.5rem 1rem 3rem}}
h1{{font-size:1.6rem;line-height:1.25;margin:.5rem 0}}
h2{{font-size:1.15rem;margin:0;overflow-wrap:anywhere}}
h3{{font-size:1rem;margin:0 0 .25rem;overflow-wrap:anywhere}}
p{{margin:.25rem 0}}.soft{{color:var(--soft);font-size:.9rem}}
section{{background:var(--card);border:1px solid var(--line);border-radius:.75rem;
padding:1rem;margin:1rem 0}}
article{{border-left:.25rem solid var(--mark);padding:.1rem 0 .1rem .75rem;margin:1rem 0}}
a{{color:var(--link)}}a:focus-visible,summary:focus-visible{{outline:3px solid var(--link);
outline-offset:2px}}
summary{{cursor:pointer;padding:.5rem 0}}
code{{font-size:.85rem;overflow-wrap:anywhere}}ul{{margin:.25rem 0;padding-left:1.25rem}}
dl{{display:grid;grid-template-columns:auto 1fr;gap:.1rem .75rem;margin:.5rem 0;font-size:.9rem}}
dt{{color:var(--soft)}}dd{{margin:0;overflow-wrap:anywhere}}
</style></head><body><main>{body}</main></body></html>"""


def _language(request: Request[Any, Any, Any]) -> str:
    return accepted(request.headers.get("accept-language", ""), languages("doctor"), "en")


def _way_in(request: Request[Any, Any, Any], _: NotSignedIn) -> Response[str]:
    """Show a browser without a session where it gets one."""
    language = _language(request)
    return _answer(language, _signed_out(language), 401)


@get(
    "/auth/doctor",
    tags=["login"],
    operation_id="loginDoctor",
    summary="The login doctor",
    opt={"access": "signed_in"},
    status_code=200,
    media_type=MediaType.HTML,
    raises=[],
    exception_handlers={NotSignedIn: _way_in},
)
async def doctor(request: Request[Any, Any, Any], state: State) -> Response[str]:
    """Say in plain words what the student's logins brought, what is missing and whom to ask."""
    services: Services = state.services
    language = _language(request)
    found = await services.doctor.look(request.state.session.account_id)
    return _answer(language, _told(found, services, language), 200)


def _answer(language: str, body: str, status: int) -> Response[str]:
    title = escape(words("doctor", language)["title"])
    page = _PAGE.format(language=language, title=title, body=body)
    headers = HEADERS | {"Content-Language": language}
    return Response(page, status_code=status, media_type=MediaType.HTML, headers=headers)


def _signed_out(language: str) -> str:
    text = words("doctor", language)
    return (
        f"<h1>{escape(text['title'])}</h1><p>{escape(text['signed_out'])}</p>"
        f'<p><a href="/auth/login?return_to=/auth/doctor">{escape(text["sign_in"])}</a></p>'
    )


def _told(found: list[Diagnosis], services: Services, language: str) -> str:
    text = words("doctor", language)
    parts = [f"<h1>{escape(text['title'])}</h1><p>{escape(text['intro'])}</p>"]
    parts += [_section(each, services, language) for each in found]
    return "".join(parts)


def _section(each: Diagnosis, services: Services, language: str) -> str:
    text = words("doctor", language)
    names = ", ".join(services.names.name(hei, language) for hei in each.homes)
    dates = {"first": each.seen.first_login_at, "latest": each.seen.known.last_login_at}
    rows = "".join(
        f"<dt>{escape(text[key])}</dt><dd>{escape(written_day(f'{when:%Y-%m-%d}', language))}</dd>"
        for key, when in dates.items()
    )
    findings = "".join(_finding(one, services, language) for one in each.findings)
    if not each.findings:
        findings = f"<p>✓ {escape(text['well'])}</p>"
    came = "".join(f"<li><code>{escape(name)}</code></li>" for name in each.seen.received)
    note = text["came_note"] if came else text["nothing_yet"]
    return (
        f"<section><h2>{escape(names or text['no_home'])}</h2>"
        f'<p class="soft">{escape(NAMES.get(each.provider, each.provider))}</p>'
        f"<dl>{rows}</dl>{findings}"
        f"<details><summary>{escape(text['came'])}</summary>"
        f'<p class="soft">{escape(note)}</p><ul>{came}</ul></details></section>'
    )


def _finding(found: Finding, services: Services, language: str) -> str:
    title, message, ask = told(found, services, language)
    text = words("doctor", language)
    parts = [f"<article><h3>{escape(title)}</h3><p>{escape(message)}</p>"]
    if ask:
        parts.append(f"<p><strong>{escape(text['ask'])}:</strong> {escape(ask)}</p>")
    if found.claim is not None:
        parts.append(
            f'<p class="soft">{escape(text["detail"])}: <code>{escape(found.claim)}</code></p>'
        )
        link = escape(text["release_test"])
        parts.append(f'<p><a href="{RELEASE_TEST}" rel="noreferrer">{link}</a></p>')
    return "".join([*parts, "</article>"])
