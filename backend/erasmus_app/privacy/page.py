"""The page of an archive: HTML that is read without a net, on a phone, and on paper. No script.

It is written piece by piece, so that no archive is in memory as a whole. What has no label in the
words is not shown here; it stands in `data.json`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from erasmus_app.privacy.words import ArchiveWords, Reason

STYLE = """
:root{color-scheme:light dark;--ink:#16202c;--soft:#556170;--line:#d9dee5;--card:#fff;
--page:#f4f6f9;--accent:#1d4f91}
@media(prefers-color-scheme:dark){:root{--ink:#e9edf2;--soft:#a5b0bd;--line:#323b47;--card:#1b222b;
--page:#12171d;--accent:#8fb8ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:48rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0 1rem}
h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 .25rem}
h3{font-size:1rem;margin:1rem 0 .25rem}
p{margin:.25rem 0 .75rem}.soft{color:var(--soft);font-size:.9rem}
a{color:var(--accent)}nav ul{columns:14rem;padding-left:1.2rem}nav li{break-inside:avoid}
article{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.75rem 1rem;margin:.6rem 0}
dl{display:grid;grid-template-columns:minmax(7rem,12rem) 1fr;gap:.15rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;min-width:0}
dd.whole{grid-column:1/-1;border-left:2px solid var(--line);padding-left:.75rem;
margin:.15rem 0 .5rem}
dt.whole{grid-column:1/-1;font-weight:600;color:var(--ink);margin-top:.4rem}
dd.whole>dl+dl{border-top:1px solid var(--line);margin-top:.4rem;padding-top:.4rem}
@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.35rem}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--card:#fff;--page:#fff;--accent:#000}
body{font-size:10pt}main{max-width:none;padding:0}nav{display:none}
article{break-inside:avoid-page;border-radius:0}h2,h3{break-after:avoid}}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Page:
    """Writes the pieces in one language. `name_of` names an HEI, `day` writes an ISO date."""

    language: str
    words: ArchiveWords
    name_of: Callable[[str], str]
    day: Callable[[str], str]

    def begin(self, made: datetime) -> str:
        """Return what comes before the sections."""
        words = self.words
        links = "".join(
            f'<li><a href="#{name}">{escape(each.title)}</a></li>'
            for name, each in words.sections.items()
        )
        when = escape(self._moment(made.isoformat()))
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(words.title)}</title><style>{STYLE}</style></head><body><main>"
            f"<h1>{escape(words.title)}</h1><p>{escape(words.intro)}</p>"
            f"<p>{escape(words.keep_safe)}</p>"
            f'<p class="soft">{escape(words.made).replace("{when}", when)}</p>'
            f"<nav><h2>{escape(words.contents)}</h2><ul>{links}"
            f'<li><a href="#left-out">{escape(words.left_out_title)}</a></li></ul></nav>'
        )

    def section(self, table: str) -> str:
        """Return the beginning of an area."""
        words = self.words.sections[table]
        about = f'<p class="soft">{escape(words.text)}</p>' if words.text else ""
        return f'<section id="{table}"><h2>{escape(words.title)}</h2>{about}'

    def entry(self, row: Mapping[str, Any]) -> str:
        """Return one row of an area."""
        return f"<article>{self._list(row)}</article>"

    def section_end(self, rows: int) -> str:
        """Return the end of an area."""
        return ("" if rows else f"<p>{escape(self.words.nothing)}</p>") + "</section>"

    def end(self) -> str:
        """Return what comes behind the sections."""
        words = self.words
        return (
            self._reasons("purposes", words.purposes_title, words.purposes)
            + self._reasons("recipients", words.recipients_title, words.recipients)
            + self._reasons("left-out", words.left_out_title, words.left_out.values())
            + "</main></body></html>\n"
        )

    def _reasons(self, name: str, title: str, reasons: Iterable[Reason]) -> str:
        items = "".join(
            f"<article><h3>{escape(each.what)}</h3><p>{escape(each.why)}</p></article>"
            for each in reasons
        )
        return f'<section id="{name}"><h2>{escape(title)}</h2>{items}</section>'

    def _list(self, row: Mapping[str, Any]) -> str:
        parts = []
        for name, value in self._sorted(_flat(row)):
            label = self.words.fields.get(name)
            if label is None or value in (None, "", [], {}):
                continue
            inner = self._nested(name, value)
            if inner is None:
                parts.append(f"<dt>{escape(label)}</dt><dd>{self._plain(name, value)}</dd>")
            elif inner:
                parts.append(
                    f'<dt class="whole">{escape(label)}</dt><dd class="whole">{inner}</dd>'
                )
        return f"<dl>{''.join(parts)}</dl>" if parts else ""

    def _sorted(self, row: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """In the order of the labels, so that what matters comes first."""
        order = {name: place for place, name in enumerate(self.words.fields)}
        known = [(name, value) for name, value in row.items() if name in order]
        return sorted(known, key=lambda each: (_has_fields(*each), order[each[0]]))

    def _nested(self, name: str, value: Any) -> str | None:
        """Write what has fields of its own; None for what has none."""
        if isinstance(value, Mapping):
            if value.keys() >= {"value", "source"}:
                return self._sourced(value)
            return self._list(value)
        if _has_fields(name, value):
            return "".join(self._list(each) for each in value if isinstance(each, Mapping))
        return None

    def _sourced(self, fact: Mapping[str, Any]) -> str:
        source = fact["source"]
        said = (
            escape(self.words.said_by)
            .replace("{who}", escape(self.name_of(source["hei_id"])))
            .replace("{when}", escape(self._moment(source["last_confirmed_at"])))
        )
        inner = self._list(fact["value"]) if fact["value"] else ""
        return f'{inner or f"<p>{escape(self.words.nothing)}</p>"}<p class="soft">{said}</p>'

    def _plain(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return escape(self.words.yes if value else self.words.no)
        if isinstance(value, Mapping):  # credits
            return escape(f"{value['value']} {str(value['scheme']).upper()}")
        if isinstance(value, list | tuple):
            return ", ".join(self._plain(name, each) for each in value)
        text = str(value)
        if name == "file":
            return f'<a href="{escape(text)}">{escape(text)}</a>'
        if (
            name == "tenant"
            or name in {"actor", "actor_hei_id"}
            or name.endswith(("hei_id", "hei_ids"))
        ):
            return escape(self.name_of(text)) if text else ""
        if name.endswith("_at"):
            return escape(self._moment(text))
        return escape(self.words.values.get(text, self.day(text)))

    def _moment(self, text: str) -> str:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        return f"{self.day(moment.date().isoformat())}, {moment:%H:%M}"


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mobility with its facts beside what identifies it, which they say again."""
    record = row.get("record")
    if not isinstance(record, Mapping):
        return row
    facts = {name: value for name, value in record.items() if isinstance(value, Mapping)}
    return {name: value for name, value in row.items() if name != "record"} | facts


def _has_fields(name: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return (
        name != "credits"
        and isinstance(value, list | tuple)
        and any(isinstance(each, Mapping) for each in value)
    )
