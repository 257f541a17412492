"""The channels: each kind of target names one, and each is the module of `push/` of that name."""

from contextlib import AsyncExitStack
from importlib import import_module
from typing import Protocol, cast

from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Channel
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
