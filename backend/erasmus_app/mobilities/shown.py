"""Which of the mobilities that an account is linked with are shown to it."""

from collections.abc import Sequence

from erasmus_app.identity.roles import Standing
from erasmus_app.mobilities.brief import Brief
from erasmus_app.mobilities.models import Mobility


def shown_of(briefs: Sequence[Brief], standing: Standing) -> list[Brief]:
    """Return what is shown to somebody; one that two tenants see is there once, as home sees it.

    A former student sees what is past and no more.
    """
    found: dict[tuple[str, str], Brief] = {}
    for each in briefs:
        if each.tenant == each.sending_hei_id or name_of(each) not in found:
            found[name_of(each)] = each
    past_only = standing.is_past_only
    return [each for each in found.values() if each.is_past or not past_only]


def name_of(of: Brief | Mobility) -> tuple[str, str]:
    """Return what a mobility is called by both universities."""
    return of.sending_hei_id, of.omobility_id
