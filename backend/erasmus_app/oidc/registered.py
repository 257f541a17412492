"""The login providers that the settings name (identity guide §3.3)."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.claims import ClaimNames
from erasmus_app.identity.providers import (
    ALGORITHMS,
    DEFAULT,
    MAPPERS,
    NAME,
    SCOPES,
    TAKEN,
    ProviderConfig,
    myacademicid,
)
from erasmus_app.oidc.provider import is_safe
from erasmus_app.settings import PREFIX, Settings
from erasmus_app.settings.values import secret_of

_FILE = f"{PREFIX}OIDC_PROVIDERS"


class _ProvidersFile(msgspec.Struct, forbid_unknown_fields=True):
    provider: tuple[dict[str, Any], ...] = ()


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[provider]]` as it is written; what it leaves out, its mapper knows."""

    name: str
    issuer: str
    client_id: str
    client_secret: str | None = None
    client_secret_file: str | None = None  # in its place; a path beside this file
    mapper: str = DEFAULT
    scopes: tuple[str, ...] = ()
    claims: dict[str, str] = {}
    algorithms: tuple[str, ...] = ALGORITHMS
    subject_pattern: str | None = None
    trust_email: bool = False
    can_assert_student: bool = False  # who may say so is the operator's word, not a default
    extended_userinfo: str | None = None


def load_providers(settings: Settings) -> dict[str, ProviderConfig]:
    """Return MyAcademicID, where `OIDC_ISSUER` names it, and those of the file `OIDC_PROVIDERS`.

    Raises:
        SettingsInvalid: a name or a value is wrong, or two providers share what must be one's own.
    """
    found: list[ProviderConfig] = []
    if settings.oidc_issuer is not None:
        if not settings.oidc_client_id or not settings.oidc_client_secret:
            raise SettingsInvalid(
                "ERASMUS_APP_OIDC_CLIENT_ID and ERASMUS_APP_OIDC_CLIENT_SECRET: "
                "both are needed with ERASMUS_APP_OIDC_ISSUER"
            )
        found.append(
            myacademicid(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
        )
    if settings.oidc_providers is not None:
        found.extend(_from_file(settings.oidc_providers))
    for what in ("name", "issuer", "client_id"):  # §1.1: never shared
        if twice := _first_twice(getattr(each, what) for each in found):
            raise SettingsInvalid(f"{_FILE}: {what} {twice!r} is two providers'")
    return {each.name: each for each in found}


def _from_file(path: Path) -> Iterable[ProviderConfig]:
    where = f"{_FILE}: {path}"
    try:
        tables = msgspec.convert(
            tomllib.loads(path.read_text(encoding="utf-8")), _ProvidersFile
        ).provider
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    for number, content in enumerate(tables, 1):
        named = f"{where}: {content.get('name') or f'provider number {number}'}"
        try:
            yield _config(msgspec.convert(content, _Table), path.parent)
        except ValueError as error:  # msgspec's is one as well
            raise SettingsInvalid(f"{named}: {error}") from error


def _config(table: _Table, folder: Path) -> ProviderConfig:
    """Return what a table means. Raises ValueError, which says what is wrong with it."""
    if NAME.fullmatch(table.name) is None or table.name in TAKEN:
        raise ValueError("name: wants lower-case letters, digits and -, and none that is taken")
    for what in ("issuer", "extended_userinfo"):
        address = getattr(table, what)
        if address is not None and not is_safe(address):
            raise ValueError(f"{what}: is not an https address (http only on loopback)")
    if table.mapper not in MAPPERS:
        raise ValueError(f"mapper: is not one of {', '.join(MAPPERS)}")
    secret = table.client_secret
    if table.client_secret_file is not None:
        if secret is not None:
            raise ValueError("client_secret and client_secret_file: give one of the two")
        try:
            secret = secret_of(folder / table.client_secret_file)
        except ValueError as error:
            raise ValueError(f"client_secret_file: {error}") from error
    if not table.client_id or not secret:
        raise ValueError("client_id and client_secret: both are needed")
    if not table.algorithms or not set(table.algorithms) <= set(ALGORITHMS):
        raise ValueError(f"algorithms: wants some of {', '.join(ALGORITHMS)}")
    scopes = table.scopes or SCOPES[table.mapper]
    if "openid" not in scopes or "offline_access" in scopes:
        raise ValueError("scopes: openid is needed, and a refresh token is kept for nobody")
    try:
        re.compile(table.subject_pattern or "")
    except re.error as error:
        raise ValueError(f"subject_pattern: {error}") from error
    names = msgspec.to_builtins(MAPPERS[table.mapper]) | table.claims
    return ProviderConfig(
        name=table.name,
        issuer=table.issuer,
        client_id=table.client_id,
        client_secret=secret,
        scopes=scopes,
        claims=msgspec.convert(names, ClaimNames),
        algorithms=table.algorithms,
        subject_pattern=table.subject_pattern,
        fold_subject=table.mapper == DEFAULT,
        trust_email=table.trust_email,
        can_assert_student=table.can_assert_student,
        extended_userinfo=table.extended_userinfo,
    )


def _first_twice(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for each in values:
        if each in seen:
            return each
        seen.add(each)
    return None
