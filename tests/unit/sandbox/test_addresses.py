"""Inside a container the sandbox is reached from a browser outside, at the same addresses."""

from pathlib import Path

from sandbox.world import world


async def test_what_listens_on_every_address_is_called_by_this_machines(tmp_path: Path):
    async with world(tmp_path, ("0.0.0.0", 8010), ("0.0.0.0", 0)) as around:
        issuer = around.login.issuer
        wanted = {
            name: around.environment[f"ERASMUS_APP_{name}"] for name in ("LISTEN", "LOGIN_URL")
        }

        assert issuer.startswith("http://127.0.0.1:")
        assert around.environment["ERASMUS_APP_OIDC_ISSUER"] == issuer
        assert wanted == {"LISTEN": "0.0.0.0:8010", "LOGIN_URL": "http://127.0.0.1:8010"}
