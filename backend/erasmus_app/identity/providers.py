"""Who may log people in: one configuration for each issuer (identity guide §3.3)."""

import re

import msgspec

from erasmus_app.identity.claims import FEIDE, MYACADEMICID, ClaimNames, is_subject

DEFAULT = "myacademicid"
"""The provider of `/auth/login`; a further one has `/auth/{provider}/login`."""

ALGORITHMS = (
    *("ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
)
"""Those with a public key (RFC 7518 §3.1): a client secret or nothing at all signs no ID token."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
TAKEN = frozenset(
    {
        DEFAULT,
        "authorize",
        "callback",
        "doctor",
        "jwks",
        "link",
        "login",
        "logout",
        "revoke",
        "token",
    }
)
_ANY_SUBJECT = r"[!-~]{1,255}"  # OpenID Connect Core §2


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One login provider: how we are registered there, and how far its word goes."""

    name: str
    issuer: str  # compared byte for byte
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    claims: ClaimNames
    algorithms: tuple[str, ...] = ALGORITHMS  # of ID tokens
    subject_pattern: str | None = None  # of a whole `sub`; None: what OpenID Connect allows
    fold_subject: bool = False  # letter case in `sub` says nothing
    trust_email: bool = False  # it has checked the addresses that it names
    can_assert_student: bool = True  # its affiliation `student` and its ESIs count
    extended_userinfo: str | None = None  # further claims, from an address discovery does not name

    def admits(self, subject: str) -> bool:
        """Whether a `sub` is one of the provider's people."""
        if self.claims == MYACADEMICID and self.subject_pattern is None:
            return is_subject(subject)
        return re.fullmatch(self.subject_pattern or _ANY_SUBJECT, subject) is not None


def myacademicid(issuer: str, client_id: str, client_secret: str) -> ProviderConfig:
    """Return the configuration of MyAcademicID (identity guide §1.5, §1.6)."""
    return ProviderConfig(
        name=DEFAULT,
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        scopes=SCOPES[DEFAULT],
        claims=MYACADEMICID,
        fold_subject=True,
        trust_email=True,  # it sends a link to each address (§1.6)
    )


MAPPERS = {DEFAULT: MYACADEMICID, "feide": FEIDE}
SCOPES = {
    DEFAULT: (
        *("openid", "profile", "email", "voperson_id", "schac_home_organization"),
        *("schac_personal_unique_code", "voperson_external_affiliation"),
    ),
    "feide": ("openid", "userid", "userid-feide", "userinfo-name", "email", "groups-org"),
}
"""The single scopes that we can justify, for each mapper (§1.5, §3.2)."""
