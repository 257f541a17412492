"""What the login doctor found, in words."""

from erasmus_app.api.pages import words
from erasmus_app.identity.doctor import Finding
from erasmus_app.services import Services


def told(found: Finding, services: Services, language: str) -> tuple[str, str, str]:
    """Return a finding's title, what it means, and whom to ask, in one language."""
    chosen = words("doctor", language)[found.condition.value]
    hei = services.names.name(found.hei, language) if found.hei else ""
    title, message, ask = (chosen[key].replace("{hei}", hei) for key in ("title", "text", "ask"))
    return title, message, ask if hei or "{hei}" not in chosen["ask"] else ""
