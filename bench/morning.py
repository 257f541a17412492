"""A morning of a country: who opens the app when, what changes when, who is told of it how often.

Everything is laid down before it begins, so that a late answer delays nothing and nobody.
"""

import random
from collections.abc import Sequence

import msgspec

from ewp.ids import HeiId
from sandbox.cast import COVERED

REPEATS = 5  # notifications of a burst
BURST_SECONDS = 1.0
OPENED_AFTER = (8.0, 14.0)  # seconds from a change until its push is tapped
WATCHING = (4.0, 12.0)  # seconds that the app is open before something changes
STRANGE = 5  # one burst of so many is about a mobility of which there is nothing new


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything; rates are a second."""

    seconds: float = 300.0
    warm: float = 10.0  # seconds before that: the same, and not counted in times
    starts: float = 200.0
    changes: float = 50.0
    bursts: float = 20.0
    students: int = 20_000  # who have a mobility and an account
    partners: int = 40
    refreshes: float = 0.2  # of the starts: the access token is over
    opened: float = 0.25  # of the starts: by tapping a push
    watching: float = 0.1  # of the starts: the app stays open, with a socket

    @property
    def whole(self) -> float:
        """Return how long it takes, with the beginning that is not counted."""
        return self.warm + self.seconds


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """An app that is opened."""

    at: float  # seconds from the beginning
    student: int
    refresh: bool = False
    opened: bool = False  # by the push of a change before it
    watching: bool = False  # a change comes while it is open


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notification of a partner's, and whether something changes with it."""

    at: float
    mobility: int
    change: bool = False


class Morning(msgspec.Struct, frozen=True, kw_only=True):
    """All that happens."""

    starts: list[Start]
    told: list[Told]

    @property
    def changed(self) -> dict[int, float]:
        """Return which mobilities change, and when."""
        return {each.mobility: each.at for each in self.told if each.change}


def omobility_id(number: int) -> str:
    """Return the name of the mobility with this number; see `sync_network.made`."""
    return f"om-{number:06}"


def partner_of(number: int, partners: int) -> HeiId:
    """Return whose notifications tell of it: who sends (odd numbers) or receives."""
    return HeiId(f"partner-{number // 2 % partners:03}.example")


def forwarded(number: int) -> str:
    """Return what the proxy before us says of who asks: everybody comes from an address of theirs.

    Of the network for measurements (RFC 2544); nothing is ever sent there.
    """
    high, low = divmod(number % (1 << 17), 256)
    address = f"198.{18 + high // 256}.{high % 256}.{low}"
    return f"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n"


def sender_of(number: int, partners: int) -> HeiId:
    """Return whose student it is."""
    return partner_of(number, partners) if number % 2 else COVERED.hei_id


def planned(scale: Scale, seed: int = 8) -> Morning:
    """Lay down a morning, the same for the same seed.

    Arrivals are random, at the rate on the average (a Poisson process): several at once, too.
    """
    chance = random.Random(seed)
    changes = _arrivals(chance, scale.changes, scale.whole)
    if len(changes) > scale.students:
        raise ValueError(f"{len(changes):,} changes need as many students")
    order = chance.sample(range(scale.students), len(changes))
    told = [Told(at=at, mobility=n, change=True) for at, n in zip(changes, order, strict=True)]
    still = list(set(range(scale.students)).difference(order)) or order
    told += _bursts(chance, scale, told, still)
    return Morning(
        starts=_starts(chance, scale, told[: len(changes)]),
        told=sorted(told, key=lambda each: each.at),
    )


def _arrivals(chance: random.Random, rate: float, seconds: float) -> list[float]:
    found, at = [], 0.0
    while rate and (at := at + chance.expovariate(rate)) < seconds:
        found.append(at)
    return found


def _bursts(
    chance: random.Random, scale: Scale, changes: Sequence[Told], still: Sequence[int]
) -> list[Told]:
    """Several notifications within a second: as a rule of what was told a moment ago."""
    found, last = [], 0
    for number, at in enumerate(_arrivals(chance, scale.bursts, scale.whole)):
        while last < len(changes) and changes[last].at < at:
            last += 1
        if number % STRANGE and last:
            mobility = changes[chance.randrange(max(0, last - 200), last)].mobility
        else:
            mobility = chance.choice(still)
        found += [
            Told(at=at + chance.uniform(0, BURST_SECONDS), mobility=mobility)
            for _ in range(REPEATS)
        ]
    return found


def _starts(chance: random.Random, scale: Scale, changes: Sequence[Told]) -> list[Start]:
    """Part after a push, part before a change, the others by anybody: all equally likely."""
    arrivals = _arrivals(chance, scale.starts, scale.whole)
    found = []
    for each in chance.sample(changes, _some(scale.opened, arrivals, changes)):
        at = each.at + chance.uniform(*OPENED_AFTER)
        if at < scale.whole:
            found.append(Start(at=at, student=each.mobility, opened=True))
    for each in chance.sample(changes, _some(scale.watching, arrivals, changes)):
        at = each.at - chance.uniform(*WATCHING)
        if at > 0:
            found.append(Start(at=at, student=each.mobility, watching=True))
    anybody = chance.sample(arrivals, max(0, len(arrivals) - len(found)))
    away = chance.sample(range(scale.students), scale.students)  # whose token is over, once each
    share = scale.refreshes * len(arrivals) / max(1, len(anybody))
    for at in anybody:
        if away and chance.random() < share:
            found.append(Start(at=at, student=away.pop(), refresh=True))
        else:
            found.append(Start(at=at, student=chance.randrange(scale.students)))
    return sorted(found, key=lambda each: each.at)


def _some(share: float, arrivals: Sequence[float], changes: Sequence[Told]) -> int:
    return min(len(changes), round(share * len(arrivals)))
