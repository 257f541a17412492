"""Devices that get pushes: registering them, forgetting them, and what became of pushes there."""

from datetime import datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, SIGNED_IN, Whose
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.sessions import Platform
from erasmus_app.ids import DeviceId, InboxEntryId
from erasmus_app.notifications.ports import TargetRefused
from erasmus_app.notifications.receipts import MOST_AT_ONCE
from erasmus_app.students import models as students
from erasmus_app.students.models import TargetKind

LONGEST_LANGUAGE = 35

strawberry.enum(
    TargetKind, name="TargetKind", description="How the push service names an installation."
)


@access.rule(OWNER)
@strawberry.type(description="A phone or browser that gets pushes.")
class Device:
    """A device; its push target is not readable."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    platform: Platform = strawberry.field(description="What it runs.")
    language: str | None = strawberry.field(description="The language of its pushes, if its own.")
    registered_at: datetime = strawberry.field(description="When it was registered, UTC.")
    last_seen_at: datetime = strawberry.field(description="When it was last heard of, UTC.")

    @classmethod
    def of(cls, device: students.Device) -> "Device":
        """Make it from ours."""
        return cls(
            whose=Whose(device.account_id),
            id=global_id("Device", device.device_id),
            platform=device.platform,
            language=device.language,
            registered_at=device.registered_at,
            last_seen_at=device.last_seen_at,
        )


@strawberry.input(description="A device that is to get pushes.")
class DeviceInput:
    """A device."""

    platform: Platform = strawberry.field(description="What it runs.")
    target_kind: TargetKind = strawberry.field(
        default=TargetKind.FID, description="What `target` is."
    )
    target: str = strawberry.field(
        description="The Firebase installation id or token; with WEB_PUSH the subscription as "
        "JSON, with `endpoint` and `keys { p256dh auth }`: `JSON.stringify(subscription)`."
    )
    language: str | None = strawberry.field(
        default=None, description="The language of its pushes; by default the account's."
    )


@access.rule(PART)
@strawberry.type(description="The device gets pushes from now on.")
class DeviceRegistered:
    """Success."""

    device: Device = strawberry.field(description="The device.")


@access.rule(PART)
@strawberry.type(description="The device was not registered.")
class DeviceRefused:
    """A refusal that we foresee."""

    reason: str = strawberry.field(description="What is wrong, in English, for developers.")


RegisterDeviceResult = Annotated[
    DeviceRegistered | DeviceRefused,
    strawberry.union("RegisterDeviceResult", description="Registered, or why not."),
]


@strawberry.type
class DeviceQuery:
    """What an app needs to know before it registers."""

    @access.field(
        SIGNED_IN,
        description="What the app gives to the push service to get a target of this kind: with "
        "WEB_PUSH the `applicationServerKey` (VAPID), base64url. Null where the kind needs none.",
    )
    def push_key(self, info: Info, kind: TargetKind = TargetKind.WEB_PUSH) -> str | None:
        """Return the channel's public key."""
        return info.context.services.channels[kind.channel].public_key


@strawberry.type
class DeviceMutations:
    """What can be done about devices."""

    @access.mutation(
        OWNER,
        description="Register a device, again after each start of the app. A device that was "
        "another account's is this one's from now on. It is forgotten when this session ends.",
    )
    async def register_device(self, info: Info, device: DeviceInput) -> RegisterDeviceResult:
        """Register a device."""
        services, session = info.context.services, info.context.session
        try:
            channel = services.channels[device.target_kind.channel]
            target = channel.target(device.target_kind, device.target)
        except TargetRefused as error:
            return DeviceRefused(reason=f"target: {error}")
        if device.language is not None and len(device.language) > LONGEST_LANGUAGE:
            return DeviceRefused(reason="language: is no BCP 47 tag")
        registered = await services.devices.register(
            session.account_id,
            device.platform,
            device.target_kind,
            target.value,
            device.language,
            session.session_id,
            name=target.name,
        )
        return DeviceRegistered(device=Device.of(registered))

    @access.mutation(OWNER, description="Forget a device; false where it is not the student's.")
    async def remove_device(self, info: Info, id: strawberry.ID) -> bool:
        """Forget a device."""
        device = uuid_of(id, "Device")
        if device is None:
            return False
        return await info.context.services.devices.remove(
            info.context.session.account_id, DeviceId(device)
        )

    @access.mutation(
        OWNER,
        description="Say which pushes came to a device, and which were opened there, by the ids "
        "of their messages (`id` in a push's data), at most a hundred each. Returns how many "
        "were news; to say it again changes nothing.",
    )
    async def confirm_pushes(
        self,
        info: Info,
        device: strawberry.ID,
        received: list[strawberry.ID] | None = None,
        opened: list[strawberry.ID] | None = None,
    ) -> int:
        """Note receipts."""
        known = uuid_of(device, "Device")
        if known is None:
            return 0
        return await info.context.services.receipts.take(
            info.context.session.account_id,
            DeviceId(known),
            received=_messages(received),
            opened=_messages(opened),
        )


def _messages(ids: list[strawberry.ID] | None) -> list[InboxEntryId]:
    found = (uuid_of(each, "Message") for each in (ids or [])[:MOST_AT_ONCE])
    return [InboxEntryId(each) for each in found if each is not None]
