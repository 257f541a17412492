"""Who gets in, and what the others are told (guide §2.3), as a stranger sees it."""

from datetime import timedelta

import pytest
from unit.ewp.catalogues import a_catalogue, a_host
from unit.ewp.host.world import (
    NAME,
    NOBODYS,
    PARTNER,
    RIBEIRA,
    SERVER,
    UNKNOWN,
    refusal,
    told,
)
from unit.ewp.stranger import NOW, REQUIRED, date_of, digest_of

from ewp.catalogue_xml import read_catalogue
from ewp.errors import CatalogueUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")

ECHO = "/ewp/lindental.example/echo"
WITHOUT_DATE = tuple(each for each in REQUIRED if each != "date")
EMPTY = digest_of(b"")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({}, id="as usual"),
        pytest.param({"names": tuple(reversed(REQUIRED))}, id="in another order"),
        pytest.param(
            {"names": (*REQUIRED, "user-agent"), "before": {"user-agent": "SIS/7 (Unix)"}},
            id="more is signed",
        ),
        pytest.param({"host": "ewp.lindental.example"}, id="Host without its port"),
        pytest.param({"host": "EWP.Lindental.Example:8443"}, id="Host in upper case"),
        pytest.param(
            {
                "names": (*WITHOUT_DATE, "original-date"),
                "before": {"date": None, "original-date": date_of(NOW)},
            },
            id="Original-Date alone",
        ),
        pytest.param(
            {
                "names": (*WITHOUT_DATE, "original-date"),
                "before": {"original-date": date_of(NOW)},
                "after": {"date": date_of(NOW + timedelta(hours=1))},
            },
            id="Original-Date, and a Date that a proxy wrote",
        ),
        pytest.param(
            {"before": {"date": date_of(NOW - timedelta(minutes=5))}}, id="five minutes late"
        ),
        pytest.param({"before": {"digest": EMPTY.replace("SHA", "shA")}}, id="shA-256"),
        pytest.param({"before": {"digest": f"MD5=1B2M2Y8AsgTpgAmY7PhCfg==,{EMPTY}"}}, id="two"),
        pytest.param({"before": {"accept-signature": None}, "names": REQUIRED}, id="no wish"),
        pytest.param({"before": {"accept-signature": "hmac-sha1"}}, id="another wish"),
        pytest.param({"before": {"accept-signature": "RSA-SHA256, x"}}, id="two wishes"),
        pytest.param({"before": {"accept-encoding": "gzip"}}, id="gzip is welcome"),
    ],
)
async def test_a_caller_who_signs_by_the_book_gets_in(world, request_):
    answer = await world.ask(f"{ECHO}?echo=a", **request_)

    assert told(answer) == (200, "response", [RIBEIRA, "a"])


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        *(
            pytest.param(
                {"names": tuple(each for each in REQUIRED if each != name)},
                400,
                f"not signed, but has to be: {name}",
                id=f"{name} is not signed",
            )
            for name in REQUIRED
        ),
        pytest.param(
            {"names": (*REQUIRED, "x-unknown")},
            400,
            "said to be signed, but absent: x-unknown",
            id="a signed header is not there",
        ),
        pytest.param(
            {"after": {"digest": None}}, 400, "said to be signed, but absent: digest", id="lost"
        ),
        pytest.param({"host": "other.example"}, 400, "Host", id="another host"),
        pytest.param(
            {"before": {"date": date_of(NOW - timedelta(minutes=20))}}, 400, "-1200 s", id="late"
        ),
        pytest.param(
            {"before": {"date": date_of(NOW + timedelta(minutes=20))}}, 400, "+1200 s", id="early"
        ),
        pytest.param({"before": {"date": NOW.isoformat()}}, 400, "RFC 1123", id="ISO date"),
        pytest.param(
            {
                "names": (*WITHOUT_DATE, "original-date"),
                "before": {"original-date": date_of(NOW - timedelta(minutes=20))},
            },
            400,
            "original-date is -1200 s",
            id="an old Original-Date",
        ),
        pytest.param({"before": {"digest": digest_of(b"?")}}, 400, "Digest", id="wrong digest"),
        pytest.param({"before": {"digest": digest_of(b"", "SHA")}}, 400, "no SHA-256", id="SHA"),
        pytest.param(
            {"before": {"digest": f"{EMPTY},{digest_of(b'?')}"}}, 400, "Digest", id="one is wrong"
        ),
        pytest.param(
            {"before": {"x-request-id": "DC05B4254E8641068DDE1257FCCF53E5"}},
            400,
            "X-Request-Id",
            id="request id in upper case without dashes",
        ),
        pytest.param({"algorithm": "hs2019"}, 400, "rsa-sha256", id="another algorithm"),
        pytest.param({"key": UNKNOWN}, 403, "client keys", id="an unknown key"),
        pytest.param({"key": SERVER}, 403, "client keys", id="a key for answers"),
        pytest.param({"key": UNKNOWN, "key_id": PARTNER.key_id}, 400, "signature", id="forged"),
        pytest.param({"after": {"accept-signature": "x"}}, 400, "signature", id="changed"),
        pytest.param({"signed": f"{ECHO}?echo=b"}, 400, "signature", id="another query signed"),
        pytest.param({"signed": ECHO}, 400, "signature", id="signed without the query"),
        pytest.param(
            {"after": {"authorization": 'Signature keyId="a",signature="b"'}},
            400,
            "algorithm, headers",
            id="parameters are missing",
        ),
        pytest.param({"after": {"authorization": None}}, 401, "Authorization", id="not signed"),
        pytest.param(
            {"after": {"authorization": "Basic dTpw"}}, 401, "not Signature", id="another scheme"
        ),
    ],
)
async def test_whoever_does_not_is_told_why(world, request_, status, words):
    answer = await world.ask(f"{ECHO}?echo=a", **request_)

    assert answer.status_code == status
    assert words in refusal(answer)[1]
    challenge = {name: answer.headers.get(name) for name in ("www-authenticate", "want-digest")}
    if status == 401:
        assert challenge == {
            "www-authenticate": 'Signature realm="EWP"',
            "want-digest": "SHA-256",
        }
    else:
        assert challenge == dict.fromkeys(challenge)


async def test_a_body_that_was_changed_on_the_way_is_refused(world):
    headers = PARTNER.request("POST", ECHO, host=NAME, body=b"echo=a")

    answer = await world.send("POST", ECHO, headers, b"echo=b")

    assert answer.status_code == 400
    assert "Digest" in refusal(answer)[1]


async def test_a_key_that_speaks_for_nobody_is_let_in(world):
    assert told(await world.ask(f"{ECHO}?echo=a", key=NOBODYS)) == (200, "response", ["a"])


async def test_a_key_that_speaks_for_two_is_told_of_both(world):
    world.catalogue = read_catalogue(
        [
            a_catalogue(
                a_host(heis=["b.example"], client_keys=[PARTNER.key_id]),
                a_host(heis=["a.example"], client_keys=[PARTNER.key_id]),
                keys={PARTNER.key_id: PARTNER.base64_der},
            )
        ]
    )

    assert told(await world.ask(ECHO)) == (200, "response", ["a.example", "b.example"])


@pytest.mark.parametrize("refresh_fails", [False, True])
async def test_a_new_key_is_looked_for_once_before_it_counts_as_unknown(world, refresh_fails):
    known, world.catalogue = world.catalogue, read_catalogue([a_catalogue(a_host())])
    asked = []

    async def refresh():
        asked.append(1)
        if refresh_fails:
            raise CatalogueUnavailable("the registry is away")
        world.catalogue = known

    world.refresh = refresh
    answer = await world.ask(ECHO)

    assert (answer.status_code, asked) == (403 if refresh_fails else 200, [1])


async def test_without_a_catalogue_callers_are_asked_to_come_back(world):
    def none_yet():
        raise CatalogueUnavailable("none yet")

    world.known = none_yet

    status, message = refusal(await world.ask(ECHO))
    assert (status, message) == (503, "no catalogue yet; please try again later")


async def test_a_refusal_is_counted_and_a_broken_counter_hides_nothing(world):
    await world.ask(ECHO, key=UNKNOWN)
    await world.ask("/ewp/lindental.example/%00whatever/2/get")
    assert world.refusals == [
        ("lindental.example", "echo", "caller_unknown"),
        ("lindental.example", "", "unknown_endpoint"),
    ]

    async def broken(*_):
        raise ConnectionResetError

    world.refused = broken
    assert (await world.ask(ECHO, key=UNKNOWN)).status_code == 403
