"""The sandbox login's pages: plain HTML, for phones and keyboards, in light and dark."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from sandbox.login_people import Identity

STYLE = """
:root { color-scheme: light dark; --paper: #f6f7fb; --card: #fff; --ink: #1c2333; --soft: #566078;
  --line: #d5dae6; --blue: #1d4fb8; --sand: #fff3d6; --sand-ink: #5c4300; }
@media (prefers-color-scheme: dark) { :root { --paper: #12151d; --card: #1c212d; --ink: #eef1f8;
  --soft: #a9b3c9; --line: #353d50; --blue: #8fb3ff; --sand: #3a2f14; --sand-ink: #ffe3a1; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) 1rem 3rem; }
.play { display: inline-block; margin: 0 0 1rem; padding: .25rem .75rem; border-radius: 1rem;
  background: var(--sand); color: var(--sand-ink); font-size: .875rem; font-weight: 600; }
h1 { margin: 0 0 .25rem; font-size: clamp(1.5rem, 5vw, 2rem); line-height: 1.2; }
p { margin: 0 0 1.5rem; color: var(--soft); }
ul { display: grid; gap: .75rem; margin: 0 0 1.5rem; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
button { font: inherit; color: inherit; cursor: pointer; border: 1px solid var(--line);
  border-radius: .75rem; background: var(--card); }
li button { display: grid; grid-template-columns: 2.75rem 1fr; gap: .1rem .75rem; width: 100%;
  height: 100%; min-height: 4.75rem; padding: .75rem; text-align: start; align-content: center; }
button:hover { border-color: var(--blue); }
button:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.face { grid-row: span 3; align-self: center; display: grid; place-items: center; width: 2.75rem;
  height: 2.75rem; border-radius: 50%; background: var(--blue); color: var(--card);
  font-weight: 700; }
.name { font-weight: 650; }
.role, .home { color: var(--soft); font-size: .875rem; line-height: 1.3; }
.cancel { min-height: 2.75rem; padding: .5rem 1.25rem; background: none; }
code { overflow-wrap: anywhere; }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")

HEADERS = {
    # No form-action: browsers also apply it to the redirect that answers the form.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_PLAY = "Sandbox login: everybody here is invented, no password is needed"


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · Sandbox login</title>\n<style>{STYLE}</style>\n</head>\n"
        f'<body>\n<main>\n<div class="play" role="note">{_PLAY}</div>\n'
        f"<h1>{escape(title)}</h1>\n{content}</main>\n</body>\n</html>\n"
    )


def choice_page(
    client_name: str, people: Iterable[Identity], parameters: Sequence[tuple[str, str]]
) -> str:
    """Return the page on which one chooses who one is.

    Args:
        client_name: the application that asks.
        people: the choice.
        parameters: the authorization request, which each choice repeats.
    """
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
        for name, value in parameters
        if name not in {"login_hint", "cancel"}
    )
    return _page(
        "Choose who you are",
        f"<p>{escape(client_name)} would like to know who is there.</p>\n"
        f'<form method="get">\n{hidden}<ul>\n{"".join(map(_choice, people))}</ul>\n'
        '<button class="cancel" name="cancel" value="yes">Cancel</button>\n</form>\n',
    )


def _choice(person: Identity) -> str:
    initials = f"{person.given_name[0]}{person.family_name[0]}"
    return (
        f'<li><button name="login_hint" value="{escape(person.key)}">'
        f'<span class="face" aria-hidden="true">{escape(initials)}</span>'
        f'<span class="name">{escape(person.name)}</span>'
        f'<span class="role">{escape(person.role)}</span>'
        f'<span class="home">{escape(person.home_name)}</span></button></li>\n'
    )


def refusal_page(code: str, message: str) -> str:
    """Return the page for a request that cannot even be sent back to its application."""
    return _page(
        "This login cannot begin",
        f"<p>{escape(message)} <code>{escape(code)}</code></p>\n"
        "<p>Go back to the application and try again.</p>\n",
    )


def farewell_page() -> str:
    """Return the page after a logout that leads nowhere else."""
    return _page("You are logged out", "<p>You may close this page.</p>\n")
