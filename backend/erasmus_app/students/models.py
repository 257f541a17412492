"""A student's devices."""

from datetime import datetime
from enum import StrEnum

import msgspec

from erasmus_app.ids import AccountId, DeviceId

MOST_DEVICES = 20  # per account; the one not seen for longest makes room
LONGEST_TARGET = 4096


class Platform(StrEnum):
    """What a device runs."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class TargetKind(StrEnum):
    """How the push service names an installation of the app."""

    FID = "fid"  # Firebase installation id
    TOKEN = "token"  # noqa: S105 - registration token, the older name


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A phone or browser that gets pushes."""

    account_id: AccountId  # whose
    device_id: DeviceId
    platform: Platform
    target_kind: TargetKind
    language: str | None
    registered_at: datetime
    last_seen_at: datetime


def target_refusal(kind: TargetKind, target: str) -> str | None:
    """Return what is wrong with a target, in words; None where nothing is."""
    if not target or len(target) > LONGEST_TARGET:
        return f"must have 1 to {LONGEST_TARGET} characters"
    if not all("!" <= each <= "~" for each in target):
        return "may hold printable ASCII only, no spaces"
    if kind is TargetKind.FID and (len(target) > 64 or ":" in target):
        return "is no Firebase installation id; a registration token is of kind TOKEN"
    return None
