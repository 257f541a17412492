import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from sandbox.authority import Authority
from sandbox.clock import utc_now
from sandbox.serving import serving


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != "lock"}


async def hello(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_folder_and_keys_are_for_the_owner_alone(folder):
    Authority.open(folder)

    modes = {each.name: each.stat().st_mode & 0o777 for each in (folder, *folder.glob("*-key.pem"))}
    assert modes == {folder.name: 0o700, "ca-key.pem": 0o600, "server-key.pem": 0o600}


def test_a_second_run_takes_over_what_is_there(folder):
    Authority.open(folder)
    before = files(folder)
    Authority.open(folder)

    assert files(folder) == before


def test_a_certificate_about_to_end_is_renewed_and_the_authority_stays(folder):
    Authority.open(folder)
    before = files(folder)
    Authority.open(folder, now=lambda: utc_now() + timedelta(days=155))
    after = files(folder)

    assert {name for name in after if after[name] != before[name]} == {
        "server.pem",
        "server-key.pem",
    }


def test_an_authority_about_to_end_is_replaced_with_all_it_signed(folder):
    Authority.open(folder)
    before = files(folder)
    Authority.open(folder, now=lambda: utc_now() + timedelta(days=5 * 365 - 10))
    after = files(folder)

    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize("broken", ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"])
def test_a_broken_file_is_made_anew(folder, broken):
    Authority.open(folder)
    (folder / broken).write_bytes(b"-----BEGIN NOTHING-----\n")
    authority = Authority.open(folder)

    authority.server_context()
    authority.client_context()


def test_a_further_name_gets_into_the_certificate(folder):
    Authority.open(folder)
    authority = Authority.open(folder, names=["sandbox", "sis.ribeira.example", "192.0.2.7"])

    certificate = x509.load_pem_x509_certificate(authority.server.chain.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in names] == [
        "localhost",
        "sandbox",
        "sis.ribeira.example",
        "127.0.0.1",
        "192.0.2.7",
        "::1",
    ]


def test_the_authority_may_sign_for_its_own_names_alone(folder):
    authority = Authority.open(folder, names=["sandbox", "192.0.2.7"])

    certificate = x509.load_pem_x509_certificate(authority.ca_file.read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert {str(each.value) for each in constraints.value.permitted_subtrees or ()} == {
        "localhost",
        "example",
        "sandbox",
        "127.0.0.0/8",
        "192.0.2.7/32",
        "::1/128",
    }


def test_several_processes_may_open_one_folder(folder):
    async def all_at_once():
        opened = (asyncio.to_thread(Authority.open, folder) for _ in range(8))
        return await asyncio.gather(*opened)

    for authority in asyncio.run(all_at_once()):
        authority.server_context()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_a_client_that_trusts_the_authority_reaches_a_server(authority, name):
    async with (
        serving(hello, tls=authority.server, name=name) as origin,
        httpx.AsyncClient(verify=authority.client_context()) as http,
    ):
        answer = await http.get(f"{origin}/here")

    assert (answer.status_code, answer.text) == (200, "/here")


async def test_a_client_that_trusts_others_does_not(authority):
    async with (
        serving(hello, tls=authority.server) as origin,
        httpx.AsyncClient(verify=ssl.create_default_context()) as http,
    ):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(origin)


async def test_a_server_listens_on_the_version_6_loopback(authority):
    async with (
        serving(hello, tls=authority.server, host="::1") as origin,
        httpx.AsyncClient(verify=authority.client_context()) as http,
    ):
        assert (await http.get(f"{origin}/six")).text == "/six"


async def test_a_taken_port_is_told():
    async with serving(hello) as origin:
        with pytest.raises(OSError, match="in use"):
            async with serving(hello, port=int(origin.rpartition(":")[2])):
                pass


async def test_an_application_that_does_not_start_is_told():
    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(RuntimeError, match="did not start"):
        async with serving(broken):
            pass
