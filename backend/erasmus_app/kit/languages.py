"""Choosing among languages (BCP 47)."""

from collections.abc import Iterable, Sequence


def choose(wanted: str, offered: Iterable[str]) -> str | None:
    """Return the exact language, else its base language, else English; None where none fits."""
    there = {each.lower(): each for each in offered}
    for each in (wanted.lower(), wanted.lower().split("-")[0], "en"):
        if each in there:
            return there[each]
    return None


def accepted(header: str, offered: Sequence[str], default: str) -> str:
    """Choose by an `Accept-Language` header: the first wanted language that is offered."""
    weighed: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=") or "1"
        try:
            weighed.append((-float(quality), tag.strip()))
        except ValueError:
            continue
    for _, tag in sorted(weighed, key=lambda each: each[0]):
        base = tag.lower().split("-")[0]
        for language in offered:
            if language.lower() in {tag.lower(), base}:
                return language
    return default
