"""A student's devices."""

from datetime import datetime
from enum import StrEnum

import msgspec

from erasmus_app.ids import AccountId, DeviceId

MOST_DEVICES = 20  # per account; the one not seen for longest makes room
LONGEST_TARGET = 4096  # characters


class Platform(StrEnum):
    """What a device runs."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class TargetKind(StrEnum):
    """How a push service names an installation of the app. A line here is a channel, see there."""

    FID = "fid"  # Firebase installation id
    TOKEN = "token"  # noqa: S105 - registration token, the older name
    WEB_PUSH = "web_push"  # a subscription of a browser, or of UnifiedPush

    @property
    def channel(self) -> str:
        """The channel that reaches it, a module of `push/`."""
        return "fcm" if self in {TargetKind.FID, TargetKind.TOKEN} else self.value


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A phone or browser that gets pushes."""

    account_id: AccountId  # whose
    device_id: DeviceId
    platform: Platform
    target_kind: TargetKind
    language: str | None
    registered_at: datetime
    last_seen_at: datetime
