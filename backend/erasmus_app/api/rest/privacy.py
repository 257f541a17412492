"""Fetching the archive of what is held of oneself."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import PathParameter
from litestar.response import Stream

from erasmus_app.api.rest.login import NO_STORE
from erasmus_app.errors import LoginTooOld, NotFound
from erasmus_app.privacy.exports import FRESH, ExportState, is_fresh
from erasmus_app.services import Services


@get(
    "/privacy/exports/{export_id:uuid}",
    tags=["privacy"],
    operation_id="fetchExport",
    summary="The archive of what is held of oneself",
    opt={"access": "signed_in"},
    media_type="application/zip",
)
async def fetch_export(
    request: Request[Any, Any, Any],
    state: State,
    export_id: Annotated[UUID, PathParameter(description="As in `me { exports { id } }`.")],
) -> Stream:
    """Return the ZIP archive: to its owner, within a week, after a login of the last ten minutes.

    A session whose login is older, or does not say when it was, is answered with 403 and the code
    `login_too_old`; a login at `/auth/login?fresh=true` helps.
    """
    services: Services = state.services
    session = request.state.session
    now = services.clock()
    found = await services.exports.one(session.account_id, export_id)
    if found is None or found.state(now) is not ExportState.READY:
        raise NotFound("There is no such archive, or it is not ready, or its week is over.")
    if not is_fresh(session.authenticated_at, now):
        minutes = int(FRESH.total_seconds() // 60)
        raise LoginTooOld(
            f"Whoever fetches everything has to have signed in within the last {minutes} minutes: "
            f"sign in anew at {services.settings.browser_url}/auth/login?fresh=true and try again."
        )
    name = f"erasmus-app-{found.requested_at:%Y-%m-%d}.zip"
    return Stream(
        services.exports.content(session.account_id, export_id),
        media_type="application/zip",
        status_code=HTTPStatus.OK,
        headers=NO_STORE
        | {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(found.size),
            "X-Content-Type-Options": "nosniff",
        },
    )
