"""`erasmus-app webhooks`: what universities' own apps were told, and what was not taken."""

import argparse
import base64
import secrets
import sys

from erasmus_app.cli.dead import ago, listed, noted
from erasmus_app.cli.student import opened
from erasmus_app.ids import HeiId
from erasmus_app.kit.clock import utc_now
from erasmus_app.push.webhooks import PREFIX
from erasmus_app.settings import Settings
from erasmus_app.store.webhooks import WebhookTable

SECRET_BYTES = 32


def new_secret() -> int:
    """Print a secret for an endpoint's file."""
    print(PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii"))
    return 0


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one command; status 1 where there was nothing to do."""
    async with opened(settings) as database:
        table = WebhookTable(database)
        if given.what == "list":
            states, now = await table.states(), utc_now()
            return listed(
                ("hei", "endpoint", "state", "code", "deliveries", "last"),
                [
                    (
                        each.tenant,
                        each.endpoint,
                        each.state,
                        each.code or "-",
                        str(each.deliveries),
                        ago(each.last_at, now),
                    )
                    for each in states
                ],
                f"{len(states)} lines",
            )
        hei, endpoint = HeiId(given.hei), given.endpoint
        command = f"webhooks {given.what} {hei} {endpoint}"
        if given.what == "enable":
            done = int(await table.enable(hei, endpoint))
            said = "The endpoint is told again." if done else "It was not disabled."
        else:
            command += f" --code {given.code}" if given.code else ""
            done = await table.replay(hei, endpoint, given.code)
            said = f"{done} deliveries are on their way again." if done else "There is none."
        await noted(database, given.by, command, done)
    print(said, file=sys.stdout if done else sys.stderr)
    return 0 if done else 1
