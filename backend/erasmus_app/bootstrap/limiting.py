"""How often who may do what, wired."""

import structlog
from redis.asyncio import Redis

from erasmus_app.kit.clock import elapsed
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.rules import load_rules
from erasmus_app.settings import Settings
from erasmus_app.store.limits import RedisCounts
from erasmus_app.store.sealed import Vault

log = structlog.get_logger(__name__)


def limits_of(settings: Settings, redis: Redis, vault: Vault) -> Limits:
    """Return what keeps the rules. Raises SettingsInvalid where one is set to what none can be."""
    return Limits(
        rules=load_rules(settings.limits),
        counts=RedisCounts(redis, vault, settings.limits_patience_ms / 1000),
        elapsed=elapsed,
        away=lambda: log.warning("limits.away"),
    )
