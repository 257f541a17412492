"""How often who may do what, wired."""

import structlog
from redis.asyncio import Redis

from erasmus_app.api.ewp.paced import place_among
from erasmus_app.kit.clock import elapsed
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.places import Places
from erasmus_app.limits.rules import load_rules
from erasmus_app.settings import Settings
from erasmus_app.store.limits import RedisCounts
from erasmus_app.store.sealed import Vault
from ewp.host import Place

EWP_AT_WORK = 128  # calls of partners at once
EWP_PATIENCE, EWP_HURRIED = 30.0, 15.0
"""Seconds that these wait for a place. More than apps do: an app asks again by itself, a partner
that is refused its notification may not, and the change comes hours later then, by a poll."""

log = structlog.get_logger(__name__)


def limits_of(settings: Settings, redis: Redis, vault: Vault) -> Limits:
    """Return what keeps the rules. Raises SettingsInvalid where one is set to what none can be."""
    return Limits(
        rules=load_rules(settings.limits),
        counts=RedisCounts(redis, vault, settings.limits_patience_ms / 1000),
        elapsed=elapsed,
        away=lambda: log.warning("limits.away"),
    )


def partners_place(limits: Limits) -> Place:
    """Return what lets calls of partners in as there are places for them."""
    return place_among(
        Places(
            name="busy_ewp",
            most=EWP_AT_WORK,
            refused=limits.refused,
            patience=EWP_PATIENCE,
            hurried=EWP_HURRIED,
        )
    )
