"""Credits of agreements and transcripts alike."""

from collections.abc import Iterable
from decimal import Decimal

from erasmus_app.mobilities.models import Credit


def per_scheme(of_each: Iterable[Iterable[Credit]]) -> dict[str, Decimal]:
    """Sum credits per scheme, in lower case: schemes are never added to each other."""
    sums: dict[str, Decimal] = {}
    for credits_ in of_each:
        for credit in credits_:
            scheme = credit.scheme.lower()
            sums[scheme] = sums.get(scheme, Decimal(0)) + credit.value
    return sums
