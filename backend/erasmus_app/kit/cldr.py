"""How languages write days, months and numbers, and which plural goes with a number (CLDR).

The only module that imports babel, which carries the Unicode Consortium's data; see
docs/decisions/0029.
"""

import re
from collections.abc import Collection
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import DateTimePattern, parse_pattern
from babel.numbers import format_decimal

REGIONS = {"en": "en_GB", "pt": "pt_PT"}  # the European form, where CLDR's own is American
LONGEST_NUMBER = 32  # characters; what is longer is nobody's count

_TAG = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{4})?(?:-[A-Z]{2})?", re.ASCII)
_ISO = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-(\d\d))?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)

# CLDR names a month that stands alone in the nominative ("leden 2027"). Ours stand in sentences,
# behind "od" and "do", where these languages have the genitive ("od ledna 2027").
_MONTH_IN_GENITIVE = {"cs", "hr", "lt", "pl", "sk", "sl", "sr"}

# CLDR has the nominative alone for these two ("15. januar"), which no sentence can use.
_GENITIVES = {
    "sl": (
        *("januarja", "februarja", "marca", "aprila", "maja", "junija"),
        *("julija", "avgusta", "septembra", "oktobra", "novembra", "decembra"),
    ),
    "sr": (
        *("јануара", "фебруара", "марта", "априла", "маја", "јуна"),
        *("јула", "августа", "септембра", "октобра", "новембра", "децембра"),
    ),
}


class Number(str):
    """A number as its language writes it, which knows its plural category and its value."""

    __slots__ = ("category", "value")

    category: str
    value: Decimal


def is_known(language: str) -> bool:
    """Whether CLDR has data for a language."""
    if _TAG.fullmatch(language) is None:
        return False
    try:
        locale(language)
    except (UnknownLocaleError, ValueError):
        return False
    return True


@cache
def locale(language: str) -> Locale:
    """Return the data of one of our languages; never that of the machine's own.

    Raises:
        UnknownLocaleError, ValueError: there is none, or it is no language's tag.
    """
    return Locale.parse(REGIONS.get(language, language.replace("-", "_")))


@lru_cache(maxsize=20_000)
def written_day(value: str, language: str) -> str:
    """Write an ISO date in the long form, or an ISO month; anything else stays as it is."""
    match = _ISO.fullmatch(value)
    if match is None:
        return value
    year, month, day = match.groups()
    try:
        moment = date(int(year), int(month), int(day or 1))
    except ValueError:  # the 31st of February
        return value
    pattern = _day_pattern(language) if day else _month_pattern(language)
    return _applied(pattern, moment, language)


@lru_cache(maxsize=10_000)
def written_day_of_year(month: int, day: int, language: str) -> str:
    """Write a day of any year, with its month in words; the numbers where there is no such day."""
    try:
        moment = date(2000, month, day)  # a leap year
    except ValueError:
        return f"{day}. {month}."
    pattern = parse_pattern(locale(language).datetime_skeletons["MMMMd"].pattern)
    return _applied(pattern, moment, language)


def _applied(pattern: DateTimePattern, moment: date, language: str) -> str:
    if language in _GENITIVES:
        # The name goes in by hand; quotes keep CLDR's reader away from its letters.
        name = _GENITIVES[language][moment.month - 1]
        pattern = parse_pattern(pattern.pattern.replace("MMMM", f"'{name}'"))
    return pattern.apply(moment, locale(language))


@lru_cache(maxsize=1_000)
def language_name(tag: str, language: str) -> str | None:
    """Return what a language calls another one; None for what is no known language's tag."""
    if not is_known(tag.split("-", maxsplit=1)[0].lower()):
        return None
    name: str | None = locale(language).languages.get(tag.split("-", maxsplit=1)[0].lower())
    return name


@cache
def _day_pattern(language: str) -> DateTimePattern:
    return parse_pattern(locale(language).date_formats["long"].pattern)


@cache
def _month_pattern(language: str) -> DateTimePattern:
    pattern = locale(language).datetime_skeletons["yMMMM"].pattern
    return parse_pattern(
        pattern.replace("LLLL", "MMMM") if language in _MONTH_IN_GENITIVE else pattern
    )


@cache
def month_names(language: str, *, short: bool) -> tuple[frozenset[str], ...]:
    """Return what a language calls each month, January first: in a date and alone, either case."""
    width = "abbreviated" if short else "wide"
    its = [locale(language).months[context][width] for context in ("format", "stand-alone")]
    ours = () if short else _GENITIVES.get(language, ())
    return tuple(
        frozenset({*(str(names[month]) for names in its), *ours[month - 1 : month]})
        for month in range(1, 13)
    )


@cache
def weekday_names(language: str, *, short: bool) -> tuple[frozenset[str], ...]:
    """Return what a language calls each day of the week, Monday first: in a date and alone."""
    width = "abbreviated" if short else "wide"
    its = [locale(language).days[context][width] for context in ("format", "stand-alone")]
    return tuple(frozenset(str(names[day]) for names in its) for day in range(7))


@cache
def order_of_numbers(language: str) -> tuple[str, str]:
    """Return in which order a language writes a date in numbers: "dmy" or "ymd", "dm" or "md".

    The second is for a day without a year. Of "MM-dd" in Maltese, which writes "dd/MM/y", CLDR has
    no source: a language that begins with the day does so without the year as well.
    """
    with_year = _order(locale(language).date_formats["short"].pattern)
    short = _order(locale(language).datetime_skeletons["Md"].pattern)
    return with_year, "dm" if with_year == "dmy" else short


def _order(pattern: str) -> str:
    return "".join(dict.fromkeys(each for each in pattern.lower() if each in "dmy"))


@lru_cache(maxsize=20_000)
def written_number(value: str, language: str) -> str:
    """Write a decimal number ("7.5") as a language does; anything else stays as it is.

    What comes back is a `Number` where it was one. Trailing zeros go, as nobody reads "30.0".
    """
    if len(value) > LONGEST_NUMBER or _NUMBER.fullmatch(value) is None:
        return value
    number = _plain(Decimal(value))
    its = locale(language)
    found = Number(format_decimal(number, locale=its, decimal_quantization=False))
    found.category, found.value = its.plural_form(number), number
    return found


def _plain(number: Decimal) -> Decimal:
    try:
        whole = number.to_integral_value()
    except InvalidOperation:  # pragma: no cover - LONGEST_NUMBER keeps it in the context
        return number
    return whole if whole == number else number.normalize()


@cache
def categories(language: str, *, fractions: bool) -> Collection[str]:
    """Return the plural categories that numbers of a language can have, "other" always.

    Those of whole numbers to 200 and some larger ones; with `fractions`, of tenths and hundredths
    as well. Rules look at a number's last two digits and at those behind its point, so that more
    would find no more. A category that only millions have ("many" of Spanish) is asked of nobody.
    """
    rule = locale(language).plural_form
    numbers: list[int | Decimal] = [*range(201), 1_000, 10_000, 100_001]
    if fractions:
        numbers += [Decimal(each).scaleb(-1) for each in range(1, 100) if each % 10]
        numbers += [Decimal(each).scaleb(-2) for each in range(1, 200) if each % 10]
    return frozenset({"other", *map(rule, numbers)})
