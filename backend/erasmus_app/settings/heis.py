"""The file of covered HEIs that `EWP_HEIS` names."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import (
    AGREEMENT_CNR_APIS,
    CNR_APIS,
    DATA_APIS,
    ApiMode,
    CoveredHei,
    WebhookEndpoint,
)
from erasmus_app.settings.model import PREFIX, is_file
from erasmus_app.settings.values import path_of


class _HeisFile(msgspec.Struct, forbid_unknown_fields=True):
    hei: tuple[dict[str, Any], ...]


_SHA256 = re.compile(r"[0-9a-f]{64}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")


def _check_apis(hei: CoveredHei, where: str) -> None:
    if strange := sorted(hei.api.keys() - CNR_APIS - DATA_APIS):
        names = ", ".join(sorted(CNR_APIS | DATA_APIS))
        raise SettingsInvalid(f"{where}: {strange[0]!r} is not one of {names}")
    for api in sorted(hei.api.keys() & AGREEMENT_CNR_APIS):
        if hei.api[api] is ApiMode.FORWARDED:
            raise SettingsInvalid(f"{where}: {api}: forwarded ones do not say whose copy it is")
    for api in sorted(hei.api.keys() & DATA_APIS):
        if hei.api[api] not in {ApiMode.OWN, ApiMode.OFF}:
            raise SettingsInvalid(f"{where}: {api}: data are served (own) or not (off)")
    if not all(_SHA256.fullmatch(each) for each in hei.feed_token_sha256):
        words = "feed_token_sha256: wants what `erasmus-app ewp feed-token` prints, 64 hex digits"
        raise SettingsInvalid(f"{where}: {words}")


def _check_people(hei: CoveredHei, before: Iterable[CoveredHei], where: str) -> None:
    for domain in hei.domains:
        if _DOMAIN.fullmatch(domain) is None:
            raise SettingsInvalid(f"{where}: domains: {domain!r} is not a lower-case domain")
    own = {hei.id, *hei.domains}
    for other in before:
        if shared := sorted(own & {other.id, *other.domains}):
            raise SettingsInvalid(f"{where}: domains: {shared[0]} is {other.id}'s as well")
    for name in hei.coordinators:
        if not name.strip():
            raise SettingsInvalid(f"{where}: coordinators: an empty name is nobody's")


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _webhooks(hei: CoveredHei, folder: Path, where: str) -> tuple[WebhookEndpoint, ...]:
    """Check an HEI's webhooks; return them with the paths of their secrets."""
    found: dict[str, WebhookEndpoint] = {}
    for each in hei.webhook:
        there = f"{where}: webhook {each.name!r}"
        if _NAME.fullmatch(each.name) is None or each.name in found:
            raise SettingsInvalid(f"{there}: name: wants a-z, 0-9 and -, once in an HEI")
        try:
            tuple(map(ip_network, each.networks))
        except ValueError as error:
            raise SettingsInvalid(f"{there}: networks: {error}") from error
        secret = folder / each.secret_file
        if not is_file(secret):
            raise SettingsInvalid(f"{there}: there is no secret file {secret}")
        found[each.name] = msgspec.structs.replace(each, secret_file=secret.resolve())
    return tuple(found.values())


def load_heis(path: Path | None) -> dict[HeiId, CoveredHei]:
    """Read the covered HEIs from the file that `EWP_HEIS` names; none without a file.

    Key paths in the file are relative to it and come back absolute.

    Raises:
        SettingsInvalid: the file, a name or a value in it is wrong.
    """
    heis, faults = read_heis(path)
    if faults:
        raise SettingsInvalid(faults[0])
    return heis


def read_heis(path: Path | None) -> tuple[dict[HeiId, CoveredHei], list[str]]:
    """Read the covered HEIs, and go on where one is wrong; also a line for each that is."""
    if path is None:
        return {}, []
    where = f"{PREFIX}EWP_HEIS: {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(content, _HeisFile).hei
    except (OSError, ValueError) as error:
        return {}, [f"{where}: {error}"]
    heis: dict[HeiId, CoveredHei] = {}
    faults: list[str] = []
    for number, table in enumerate(tables, 1):
        try:
            hei = _hei(table, number, heis, path.parent, where)
        except SettingsInvalid as error:
            faults.append(str(error))
        else:
            heis[hei.id] = hei
    return heis, faults


def _hei(
    table: dict[str, Any],
    number: int,
    before: Mapping[HeiId, CoveredHei],
    folder: Path,
    where: str,
) -> CoveredHei:
    """Read one. Raises SettingsInvalid."""
    try:
        hei = msgspec.convert(table, CoveredHei, dec_hook=path_of)
    except msgspec.ValidationError as error:
        name = table.get("id") or f"hei number {number}"
        raise SettingsInvalid(f"{where}: {name}: {error}") from error
    if _DOMAIN.fullmatch(hei.id) is None or len(hei.id) > 253:
        raise SettingsInvalid(f"{where}: {hei.id!r} is not a lower-case domain")
    if hei.id in before:
        raise SettingsInvalid(f"{where}: {hei.id} stands there twice")
    _check_people(hei, before.values(), f"{where}: {hei.id}")
    _check_apis(hei, f"{where}: {hei.id}")
    if not hei.admin_emails:
        raise SettingsInvalid(f"{where}: {hei.id}: admin_emails: a manifest names at least one")
    client_key = folder / hei.client_key
    server_key = folder / (hei.server_key or hei.client_key)
    for key in (client_key, server_key):
        if not is_file(key):
            raise SettingsInvalid(f"{where}: {hei.id}: there is no key file {key}")
    return msgspec.structs.replace(
        hei,
        client_key=client_key.resolve(),
        server_key=server_key.resolve(),
        webhook=_webhooks(hei, folder, f"{where}: {hei.id}"),
    )
