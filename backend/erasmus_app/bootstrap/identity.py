"""Wiring of who somebody is: login, tokens for others, roles, joining logins, the doctor."""

from collections.abc import Mapping

import httpx
from redis.asyncio import Redis

from erasmus_app.identity.authorization import AuthorizationService
from erasmus_app.identity.doctor import LoginDoctor
from erasmus_app.identity.linking import LinkService
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.identity.roles import HeiRules
from erasmus_app.identity.service import LoginService
from erasmus_app.identity.standings import Standings
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.oidc.clients import KnownClients, load_clients
from erasmus_app.oidc.documents import SafeDocuments
from erasmus_app.oidc.provider import OpenIdProvider
from erasmus_app.oidc.registered import load_providers
from erasmus_app.oidc.tokens import SignedTokens, session_keys
from erasmus_app.settings import Settings
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.grants import GrantTable
from erasmus_app.store.identities import IdentityTable
from erasmus_app.store.keys import RedisAuthorizations, RedisLoginStates
from erasmus_app.store.link_tickets import RedisLinkTickets
from erasmus_app.store.links import LinkTable
from erasmus_app.store.revocations import SessionRevocations

RESOURCES = ("graphql", "mcp", "chat")
"""What clients' tokens can be for, as paths; the first where a request names none."""


def login_service(
    settings: Settings,
    http: httpx.AsyncClient,
    redis: Redis,
    tables: Database,
    revocations: SessionRevocations,
    clock: Clock,
) -> LoginService | None:
    """Return the login; None where no provider is configured. Raises SettingsInvalid."""
    providers = load_providers(settings)
    if not providers:
        return None
    return LoginService(
        providers={
            name: OpenIdProvider(
                http=http,
                config=config,
                redirect_uri=f"{settings.browser_url}/auth{_path_of(name)}/callback",
                clock=clock,
            )
            for name, config in providers.items()
        },
        states=RedisLoginStates(redis),
        accounts=AccountTable(tables),
        tokens=SignedTokens(
            session_keys(settings.session_key, settings.data_dir), settings.public_url
        ),
        revocations=revocations,
        clock=clock,
        app_links=frozenset(settings.app_links),
    )


def authorization_service(
    settings: Settings, redis: Redis, tables: Database, login: LoginService
) -> AuthorizationService:
    """Return our authorisation server. Raises SettingsInvalid."""
    documents = SafeDocuments(trusting(settings.tls_ca_file)) if settings.oauth_documents else None
    issuer = settings.public_url.rstrip("/")
    return AuthorizationService(
        issuer=issuer,
        resources=tuple(f"{issuer}/{each}" for each in RESOURCES),
        clients=KnownClients(load_clients(settings.oauth_clients), documents),
        states=RedisAuthorizations(redis),
        grants=GrantTable(tables, AccountTable(tables)),
        tokens=login.tokens,
        clock=login.clock,
    )


def rules_of(heis: Mapping[HeiId, CoveredHei]) -> dict[HeiId, HeiRules]:
    """Return what decides on roles at covered HEIs."""
    return {
        each.id: HeiRules(id=each.id, domains=each.domains, coordinators=each.coordinators)
        for each in heis.values()
    }


def link_service(
    login: LoginService,
    redis: Redis,
    tables: Database,
    heis: Mapping[HeiId, CoveredHei],
    clock: Clock,
) -> LinkService:
    """Return what joins logins."""
    return LinkService(
        login=login,
        tickets=RedisLinkTickets(redis),
        store=LinkTable(tables),
        clock=clock,
        heis=rules_of(heis),
    )


def standings(
    settings: Settings, tables: Database, heis: Mapping[HeiId, CoveredHei], clock: Clock
) -> Standings:
    """Return what says as what an account may act."""
    return Standings(
        store=IdentityTable(tables),
        heis=rules_of(heis),
        clock=clock,
        issuer=settings.oidc_issuer,
        administrators=settings.administrators,
    )


def login_doctor(
    settings: Settings,
    tables: Database,
    heis: Mapping[HeiId, CoveredHei],
    names: InstitutionNames,
    clock: Clock,
) -> LoginDoctor:
    """Return the doctor. Raises SettingsInvalid."""
    return LoginDoctor(
        store=IdentityTable(tables),
        providers={
            each.issuer: (each.name, each.claims) for each in load_providers(settings).values()
        },
        heis=rules_of(heis),
        is_known=names.is_known,
        clock=clock,
    )


def _path_of(provider: str) -> str:
    return "" if provider == DEFAULT else f"/{provider}"
