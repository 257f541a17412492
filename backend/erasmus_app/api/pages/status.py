"""The page that says whether it is us or them; no script, no other site.

Its words stand beside it, a file for each language. Names of APIs are EWP's own.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache

import msgspec

from erasmus_app.api.pages import words
from erasmus_app.ids import HeiId
from erasmus_app.institutions.status import Board, HeiStatus, State

MOST_SHOWN = 100  # HEIs of one list
LANES = {"fcm": "Firebase", "web_push": "Web Push"}  # what is known by a name of its own

_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>
:root{{--ink:#16202c;--soft:#4a5766;--paper:#f4f6f9;--card:#fff;--line:#c9d1db;--blue:#0b4ea2;
--on-blue:#fff;--up:#0f6b3a;--slow:#7a4a00;--down:#a3161b;--unknown:#4a5766}}
@media(prefers-color-scheme:dark){{:root{{--ink:#e9edf2;--soft:#b0bbc8;--paper:#10151b;
--card:#1a212a;--line:#445262;--blue:#8ab8f5;--on-blue:#0b1a2c;--up:#7fd6a3;--slow:#f2c56b;
--down:#ff9c94;--unknown:#b0bbc8}}}}
*{{box-sizing:border-box}}
body{{margin:0;padding:1.25rem;background:var(--paper);color:var(--ink);
font:1.0625rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}
main{{max-width:44rem;margin:2vh auto;padding:1.5rem;background:var(--card);
border:1px solid var(--line);border-radius:14px}}
h1{{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}}
h2{{font-size:1.125rem;margin:1.75rem 0 .25rem}}p{{margin:0 0 1rem}}
.soft{{color:var(--soft);font-size:.9375rem}}a{{color:var(--blue)}}time{{white-space:nowrap}}
ul{{list-style:none;margin:0;padding:0}}
li{{display:flex;flex-wrap:wrap;gap:.1rem 1rem;justify-content:space-between;
padding:.6rem 0;border-bottom:1px solid var(--line)}}li:last-child{{border-bottom:0}}
li>span:first-child{{flex:1 1 14rem}}li small{{display:block;color:var(--soft);font-size:.875rem}}
.state{{font-weight:600;white-space:nowrap}}.state::before{{content:"";display:inline-block;
width:.7em;height:.7em;margin-right:.45em;border-radius:50%;background:currentColor}}
.down::before,.slow::before{{border-radius:0}}
.slow::before{{clip-path:polygon(50% 0,100% 100%,0 100%)}}
.unknown::before{{background:none;border:2px solid}}
.up{{color:var(--up)}}.slow{{color:var(--slow)}}.down{{color:var(--down)}}
.unknown{{color:var(--unknown)}}
form{{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin-top:1.75rem}}
label{{flex:1 1 100%;font-weight:600}}
input,button{{font:inherit;min-height:3rem;padding:.5rem .8rem;border-radius:10px}}
input{{flex:1 1 12rem;min-width:0;border:2px solid var(--soft);background:var(--card);
color:var(--ink)}}
button{{border:2px solid var(--blue);background:var(--blue);color:var(--on-blue);font-weight:600}}
:focus-visible{{outline:3px solid var(--ink);outline-offset:3px}}
</style></head><body><main>{body}</main></body></html>"""

Named = Callable[[HeiId], str]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page's words in one language."""

    title: str
    as_of: str
    ours: str
    catalogue: str
    messages: str
    trouble: str
    no_trouble: str
    search: str
    find: str
    none_found: str
    last: str
    never: str
    back: str
    up: str
    slow: str
    down: str
    unknown: str


@cache
def _words(language: str) -> Words:
    return msgspec.convert(words("status", language), Words)


def board_page(board: Board, asked: str, name_of: Named, language: str) -> str:
    """Say how it goes with us, with whom it does not go well, and with those asked for."""
    say = _words(language)
    ours = [
        _item(
            html.escape(say.catalogue if each.name == "catalogue" else say.messages),
            LANES.get(lane := each.name.partition(" ")[2], lane),
            each.state,
            say,
        )
        for each in board.ours
    ]
    lines = [
        f"<h1>{html.escape(say.title)}</h1>",
        f'<p class="soft">{_at(say.as_of, board.at)}</p>',
        *_list(say.ours, ours),
        (
            '<form action="/status" role="search">'
            f'<label for="q">{html.escape(say.search)}</label>'
            f'<input id="q" name="q" type="search" maxlength="100" value="{html.escape(asked)}">'
            f"<button>{html.escape(say.find)}</button></form>"
        ),
    ]
    if asked:
        found = [_link(each, name_of, say) for each in _found(board, asked, name_of)]
        lines += _list(None, found) or [f"<p>{html.escape(say.none_found)}</p>"]
    lines += _troubled(board, name_of, say)
    return _PAGE.format(language=language, title=html.escape(say.title), body="".join(lines))


def hei_page(found: HeiStatus, at: datetime, name_of: Named, language: str) -> str:
    """Say how it goes with one HEI, API by API."""
    say, name = _words(language), html.escape(name_of(found.hei_id))
    items = [
        _item(
            f"<code>{html.escape(each.api)}</code>",
            _last(each.last_success_at, say),
            each.state,
            say,
            is_markup=True,
        )
        for each in found.apis
    ]
    lines = [
        f"<h1>{name}</h1>",
        f'<p class="soft">{html.escape(found.hei_id)}</p>',
        f"<p>{_state(found.state, say)}</p>",
        *_list(None, items),
        f'<p class="soft">{_at(say.as_of, at)}</p>',
        f'<p><a href="/status">{html.escape(say.back)}</a></p>',
    ]
    return _PAGE.format(language=language, title=name, body="".join(lines))


def _troubled(board: Board, name_of: Named, say: Words) -> Iterable[str]:
    bad = [each for each in board.heis if each.state in {State.DOWN, State.SLOW}]
    if bad:
        bad.sort(key=lambda each: (each.state is not State.DOWN, name_of(each.hei_id)))
        return _list(say.trouble, [_link(each, name_of, say) for each in bad[:MOST_SHOWN]])
    return (f"<h2>{html.escape(say.trouble)}</h2>", f"<p>{html.escape(say.no_trouble)}</p>")


def _found(board: Board, asked: str, name_of: Named) -> Sequence[HeiStatus]:
    """Return HEIs whose id or name has all the words in it, in any order."""
    wanted = asked.casefold().split()
    found = []
    for each in board.heis:
        told = f"{each.hei_id} {name_of(each.hei_id)}".casefold()
        if all(word in told for word in wanted):
            found.append(each)
    return sorted(found[:MOST_SHOWN], key=lambda each: name_of(each.hei_id))


def _link(found: HeiStatus, name_of: Named, say: Words) -> str:
    hei = html.escape(found.hei_id)
    name = f'<a href="/status/{hei}">{html.escape(name_of(found.hei_id))}</a>'
    return _item(name, _last(found.last_success_at, say), found.state, say, is_markup=True)


def _item(name: str, more: str, state: State, say: Words, *, is_markup: bool = False) -> str:
    under = f"<small>{more if is_markup else html.escape(more)}</small>" if more else ""
    return f"<li><span>{name}{under}</span>{_state(state, say)}</li>"


def _list(title: str | None, items: list[str]) -> list[str]:
    if not items:
        return []
    heading = "" if title is None else f"<h2>{html.escape(title)}</h2>"
    return [heading, f"<ul>{''.join(items)}</ul>"]


def _state(state: State, say: Words) -> str:
    return f'<span class="state {state}">{html.escape(getattr(say, state))}</span>'


def _last(at: datetime | None, say: Words) -> str:
    return html.escape(say.never) if at is None else _at(say.last, at)


def _at(text: str, at: datetime) -> str:
    """Put a moment into a text, as it is written everywhere."""
    shown = f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>'
    return html.escape(text).replace("{time}", shown)
