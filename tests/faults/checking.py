"""What the records say: which requests push services got, and what that means for each row."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

LAG = 2.0  # seconds that a push service may be behind its sockets, on a machine that is busy
SILENT = "sync"  # what pushes collapse to that show nothing and have the app fetch


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a push service answered, written down before the answer went out."""

    at: float  # seconds since the epoch
    lane: str  # fcm, web_push
    device: str  # Firebase installation id, browser
    message: str | None  # what the phone recognises a message by
    collapse: str | None  # what makes a later one take an earlier one's place
    status: int

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def silent(self) -> bool:
        """Whether it shows nothing, and so names no message."""
        return self.message is None and self.collapse == SILENT


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that was written, and what the ledger says of it in the end."""

    device: str
    message: str
    state: str


def read(file: Path) -> list[Request]:
    """Read what was written down; a last line that is still being written is left out."""
    return read_on(file, 0)[0]


def read_on(file: Path, begin: int) -> tuple[list[Request], int]:
    """Read what was written down from a place in the file on, and the place to go on from."""
    with file.open("rb") as opened:
        opened.seek(begin)
        whole, newline, _ = opened.read().rpartition(b"\n")
    decode = msgspec.json.Decoder(Request).decode
    found = [decode(line) for line in whole.split(b"\n") if line]
    return found, begin + len(whole) + len(newline)


def lost(expected: Iterable[Expected], requests: Iterable[Request]) -> list[str]:
    """Return what did not arrive, or is not written as accepted: a line for each."""
    arrived = {(each.device, each.message) for each in requests if each.accepted}
    found = []
    for each in expected:
        if (each.device, each.message) not in arrived:
            found.append(f"{each.message} never arrived at {each.device} ({each.state})")
        elif each.state != "accepted":
            found.append(f"{each.message} at {each.device} is {each.state}")
    return found


def strangers(expected: Iterable[Expected], requests: Iterable[Request]) -> list[str]:
    """Return messages that arrived and that nobody had written."""
    known = {(each.device, each.message) for each in expected}
    return sorted(
        {
            f"{each.message} at {each.device} is nobody's"
            for each in requests
            if each.accepted and not each.silent and (each.device, each.message) not in known
        }
    )


def doubled(requests: Iterable[Request]) -> dict[tuple[str, str | None], list[Request]]:
    """Return what arrived more than once, by device and message."""
    arrived: dict[tuple[str, str | None], list[Request]] = defaultdict(list)
    for each in requests:
        if each.accepted:
            arrived[each.device, each.message].append(each)
    return {key: found for key, found in arrived.items() if len(found) > 1}


def visible(requests: Iterable[Request]) -> list[str]:
    """Return the doubles that a student would see: with another collapse id than the first."""
    return [
        f"{message} at {device} came as {', '.join(sorted(map(str, ids)))}"
        for (device, message), found in doubled(requests).items()
        if len(ids := {each.collapse for each in found}) > 1 or None in ids
    ]


def unexplained(requests: Iterable[Request], kills: Sequence[float], patience: float) -> list[str]:
    """Return the doubles for which there was no kill: each repetition needs one of its own.

    `kills` are times, in order. One explains what was written down up to `patience` seconds before
    it, or `LAG` after it (what the dead one's connection still held), and once more after it.
    """
    found = []
    for (device, message), arrivals in doubled(requests).items():
        times, unused = sorted(each.at for each in arrivals), 0
        for before, after in pairwise(times):
            unused = max(unused, bisect_left(kills, before - LAG))
            if unused < len(kills) and kills[unused] < min(after, before + patience):
                unused += 1
                continue
            found.append(
                f"{message} at {device} came again after {after - before:.2f} s without a kill"
            )
    return found


def silence(requests: Iterable[Request], seconds: float, slack: float) -> tuple[int, list[str]]:
    """Return how many windows of silence there were, and the requests inside them.

    A window begins with the first 429 after the last window, and lasts `seconds`; `slack` is left
    at either end of it.
    """
    windows, inside, began = 0, [], float("-inf")
    for each in sorted(requests, key=lambda each: each.at):
        if each.at >= began + seconds - slack:
            if each.status == 429:
                windows, began = windows + 1, each.at
        elif each.at > began + slack:
            inside.append(f"a request {each.at - began:.2f} s into a window of {seconds:.0f} s")
    return windows, inside


def attempts(requests: Iterable[Request]) -> Counter[tuple[str, str | None]]:
    """Count the requests for each message at each device, however they were answered."""
    return Counter((each.device, each.message) for each in requests)


def peak(times: Iterable[float], seconds: float = 1.0) -> int:
    """Return the most of these times that lie within `seconds`."""
    most, begin, ordered = 0, 0, sorted(times)
    for end, at in enumerate(ordered):
        while at - ordered[begin] >= seconds:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def quantile(values: Iterable[float], part: float) -> float:
    """Return the value below which this part of them lies; not a number where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else float("nan")


def late(seconds: float | None, limit: float) -> list[str]:
    """Say that something was not done in time, or not at all."""
    if seconds is None:
        return [f"not drained, with {limit:.1f} s allowed"]
    return [f"drained after {seconds:.1f} s, {limit:.1f} s are allowed"] if seconds > limit else []
