"""Choosing among languages (BCP 47)."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

LONGEST_TAG, MOST_TAGS = 64, 20

# CLDR's aliases and parents, of what students here ask for: "no" may be either Norwegian, and
# whoever reads one reads the other; "mo" and "sh" are old tags that phones still send. Serbian in
# Latin letters ("sr-Latn") finds "sr" by being shortened.
_ALSO = {
    "no": ("nb", "nn"),
    "nb": ("no",),
    "nn": ("no", "nb"),
    "mo": ("ro",),
    "sh": ("sr-latn", "sr"),
}


def choose(wanted: str, offered: Iterable[str]) -> str | None:
    """Return the exact language, else the nearest wider one, else English; None where none fits."""
    return _choose(wanted[:LONGEST_TAG], tuple(offered))


@lru_cache(maxsize=10_000)  # of texts that are short: wishes come from outside
def _choose(wanted: str, offered: tuple[str, ...]) -> str | None:
    there = {each.lower(): each for each in offered}
    for each in (*_wider(wanted), "en"):
        if each in there:
            return there[each]
    return None


def _wider(tag: str) -> Iterator[str]:
    """Yield the tag, then shorter ones (RFC 4647 §3.4): sr-latn-rs, sr-latn, sr; then its kin."""
    parts = tag[:LONGEST_TAG].strip().lower().replace("_", "-").split("-")
    for end in range(len(parts), 0, -1):
        yield "-".join(parts[:end])
    yield from _ALSO.get(parts[0], ())


def accepted(header: str, offered: Sequence[str], default: str) -> str:
    """Choose by an `Accept-Language` header: the most wanted language that is offered."""
    there = {each.lower(): each for each in offered}
    weighed: list[tuple[float, str]] = []
    for part in header.split(",")[:MOST_TAGS]:
        tag, *parameters = (each.strip() for each in part.split(";"))
        quality = _quality(parameters)
        if tag and quality > 0:
            weighed.append((-quality, tag))
    for _, tag in sorted(weighed, key=lambda each: each[0]):
        if tag == "*":
            return default
        for each in _wider(tag):
            if each in there:
                return there[each]
    return default


def _quality(parameters: Sequence[str]) -> float:
    """Return the weight, at most 1; nothing above 0, which is never chosen, for what is none."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0
            return quality if quality <= 1 else 0
    return 1
