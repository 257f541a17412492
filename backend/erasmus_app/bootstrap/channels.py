"""The channels: each kind of target names one, and each is the module of `push/` of that name."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Protocol, cast

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.ports import Channel
from erasmus_app.push.webhooks import Webhooks, opened_webhooks
from erasmus_app.settings import Settings
from erasmus_app.students.models import TargetKind


class ChannelModule(Protocol):
    """What a module of `push/` has to be a channel."""

    def opened(self, settings: Settings, clock: Clock, stack: AsyncExitStack) -> Channel:
        """Open the channel; `stack` closes it. Raises SettingsInvalid."""


def opened_channels(settings: Settings, clock: Clock, stack: AsyncExitStack) -> dict[str, Channel]:
    """Open all of them, also those that nothing is configured for.

    Raises:
        SettingsInvalid: what a setting names is not what it must be.
    """
    return {
        name: module_of(name).opened(settings, clock, stack)
        for name in dict.fromkeys(kind.channel for kind in TargetKind)
    }


def module_of(name: str) -> ChannelModule:
    """Return a channel's module."""
    return cast("ChannelModule", import_module(f"erasmus_app.push.{name}"))


def opened_endpoints(
    settings: Settings,
    heis: Mapping[HeiId, CoveredHei],
    messages: Catalogue,
    clock: Clock,
    stack: AsyncExitStack,
) -> Webhooks:
    """Open the webhooks of all covered HEIs.

    Raises:
        SettingsInvalid: one wants what there is not, or its secret or address cannot be right.
    """
    known = {*messages.kinds, *(each.category for each in messages.kinds.values())}
    for hei in heis.values():
        for each in hei.webhook:
            if strange := sorted({*each.kinds, *each.categories} - known):
                raise SettingsInvalid(
                    f"ERASMUS_APP_EWP_HEIS: {hei.id}: webhook {each.name}: there is no {strange[0]}"
                )
    return opened_webhooks(heis, trusting(settings.tls_ca_file), clock, stack)
