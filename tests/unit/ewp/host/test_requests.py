"""Methods, parameters and bodies as strangers send them, and the errors they get (guide §3)."""

from urllib.parse import quote

import pytest
from lxml import etree
from unit.ewp.host.world import (
    CHANGED,
    NAME,
    PARTNER,
    RIBEIRA,
    ids,
    refusal,
    told,
)
from unit.ewp.stranger import (
    FORM,
    digest_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
ECHO = f"{HEI}/echo"
INDEX = f"{HEI}/omobilities/2/index?sending_hei_id=lindental.example"
FACTSHEET = f"{HEI}/factsheet/1?hei_id=lindental.example"
UPDATE = f"{HEI}/omobilities/3/update"
CNR = f"{HEI}/omobility-cnr/2"
VALUES = ["a", "b", "a", "", " ", " kept\tand\r\nkept ", "żółć ✓ 𝕌", "1+1=2&x;y", "<a>]]>", "%41"]

# -- Echo --


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("values", [[], ["a"], VALUES], ids=["none", "one", "many"])
async def test_echo_says_what_it_heard(world, method, values):
    form = "&".join(f"echo={quote(each, safe='')}" for each in values)
    target, body = (f"{ECHO}?{form}", "") if method == "GET" else (f"{ECHO}?echo=unheard", form)

    answer = await world.ask(
        target, method=method, body=body.encode(), before={"content-type": FORM}
    )

    namespace = "{https://github.com/erasmus-without-paper/ewp-specs-api-echo/tree/stable-v2}"
    root = etree.fromstring(answer.content)
    assert answer.status_code == 200
    assert root.tag == f"{namespace}response"
    assert [(each.tag, each.text or "") for each in root] == [
        (f"{namespace}hei-id", RIBEIRA),
        *((f"{namespace}echo", each) for each in values),
    ]


@pytest.mark.parametrize(
    ("form", "heard"),
    [
        ("echo=%C5%82+l", ["ł l"]),
        ("echo=ł", ["ł"]),
        ("echo", [""]),
        ("&&echo=a&", ["a"]),
        ("Echo=a&echo[]=b", []),
        ("echo=a%", ["a%"]),
    ],
)
async def test_a_form_is_read_as_browsers_write_it(world, form, heard):
    _, _, [_, *texts] = told(await world.post(ECHO, form))

    assert [each or "" for each in texts] == heard


@pytest.mark.parametrize("value", ["%00", "%EF%BF%BE", "%ED%A0%80", "%ff", "%1B"])
async def test_what_no_answer_could_carry_is_refused(world, value):
    status, message = refusal(await world.ask(f"{ECHO}?echo={value}"))

    assert (status, message.partition(":")[0] in {"echo", "parameters"}) == (400, True)


# -- Methods and paths --


@pytest.mark.parametrize(
    ("target", "method", "allowed"),
    [
        *((ECHO, method, "GET, POST") for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")),
        (INDEX, "PUT", "GET, POST"),
        (UPDATE, "GET", "POST"),
        (UPDATE, "DELETE", "POST"),
        (CNR, "GET", "POST"),
        (CNR, "PUT", "POST"),
        (FACTSHEET, "PUT", "GET, POST"),
        (f"{HEI}/manifest.xml", "POST", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_taken_is_405(world, target, method, allowed):
    answer = await world.ask(target, method=method)

    assert answer.headers["allow"] == allowed
    assert answer.status_code == 405
    if method != "HEAD":
        assert "only" in refusal(answer)[1]


async def test_who_calls_comes_before_how(world):
    answer = await world.ask(ECHO, method="PUT", after={"authorization": None})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/ewp/lindental.example/echo/2",
        "/ewp/lindental.example/omobilities",
        "/ewp/lindental.example/omobilities/3",
        "/ewp/lindental.example/omobilities/1/get",
        "/ewp/lindental.example/omobilities/2/update",
        "/ewp/lindental.example/omobilities/3/get/more",
        "/ewp/lindental.example/imobilities/1/index",
        "/ewp/lindental.example/iias/5/get",
        "/ewp/lindental.example/manifest.xml/more",
        "/ewp/nordfjord.example/omobilities/3/get",
    ],
)
async def test_what_is_not_served_is_404(world, path):
    assert refusal(await world.ask(path)) == (404, "no such endpoint here")


@pytest.mark.parametrize("path", ["/ewp/unheard.example/echo", "/ewp", "/other", "/"])
async def test_where_nobody_is_hosted_the_404_is_an_error_response_too(world, path):
    headers = PARTNER.request("GET", path, host=NAME)

    answer = await world.http.get(world.origin + path, headers=headers)

    assert refusal(answer) == (404, "no such HEI here")
    assert answer.headers["x-request-id"] == headers["x-request-id"]
    assert answer.headers["digest"] == digest_of(answer.content)


# -- Parameters --

MISSING = ["", "omobility-id=om-1", "omobility_ids=om-1", "omobility_id=", "x=y"]


@pytest.mark.parametrize("form", MISSING)
@pytest.mark.parametrize("by", ["GET", "POST"])
async def test_without_ids_nothing_is_asked(world, form, by):
    get = f"{HEI}/omobilities/3/get"
    answer = await (world.post(get, form) if by == "POST" else world.ask(f"{get}?{form}"))

    assert refusal(answer) == (400, "omobility_id: is required")
    assert world.kept.asked == []


@pytest.mark.parametrize(
    ("api", "hei"),
    [
        ("omobilities/2/get", "sending_hei_id"),
        ("omobility-las/1/get", "sending_hei_id"),
        ("imobilities/1/get", "receiving_hei_id"),
    ],
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "is required"),
        ([""], "is required"),
        (["unheard.example"], "not an HEI of this endpoint"),
        (["nordfjord.example"], "not an HEI of this endpoint"),
        (["lindental.example"] * 2, "may be given once, not 2 times"),
        (["lindental.example", "unheard.example"], "may be given once, not 2 times"),
    ],
)
async def test_the_older_family_names_the_asked_hei_once(world, api, hei, given, message):
    form = "&".join(["omobility_id=om-1", *(f"{hei}={each}" for each in given)])

    assert refusal(await world.post(f"{HEI}/{api}", form)) == (400, f"{hei}: {message}")
    assert refusal(await world.ask(f"{HEI}/{api}?{form}")) == (400, f"{hei}: {message}")


@pytest.mark.parametrize(
    ("target", "name", "most"),
    [
        ("omobilities/2/get?sending_hei_id=lindental.example", "omobility_id", 3),
        ("omobilities/3/get?", "omobility_id", 3),
        ("omobility-las/1/get?sending_hei_id=LINDENTAL.EXAMPLE", "omobility_id", 3),
        ("imobilities/1/get?receiving_hei_id=lindental.example", "omobility_id", 3),
        ("imobilities/2/get?", "omobility_id", 3),
        ("institutions/2?", "hei_id", 1),
        ("factsheet/1?", "hei_id", 1),
    ],
)
@pytest.mark.parametrize("value", ["om-1", "unknown"])
async def test_ids_are_counted_as_they_stand_there(world, target, name, most, value):
    def times(number):
        return f"{HEI}/{target}" + f"&{name}={value}" * number

    assert refusal(await world.ask(times(most + 1))) == (
        400,
        f"{name}: {most + 1} values, limit is {most}",
    )
    assert (await world.ask(times(most))).status_code == 200


async def test_parameters_of_other_versions_are_ignored(world):
    new = "omobility_id=om-1&sending_hei_id=unheard.example&sending_hei_id=b&future=1"
    old = f"{INDEX}&global_id=unknown&global_id=twice&activity_attributes=none"

    assert ids(await world.post(f"{HEI}/omobilities/3/get", new)) == ["om-1"]
    assert ids(await world.ask(old)) == ["om-1", "om-3"]


async def test_a_query_on_a_post_is_ignored(world):
    get = f"{HEI}/omobilities/3/get?omobility_id=om-3"

    assert ids(await world.post(get, "omobility_id=om-1")) == ["om-1"]
    assert refusal(await world.post(get, "")) == (400, "omobility_id: is required")


async def test_a_body_on_a_get_is_ignored(world):
    get = f"{HEI}/omobilities/3/get?omobility_id=om-3"

    assert ids(await world.ask(get, body=b"omobility_id=om-1")) == ["om-3"]


@pytest.mark.parametrize("id_", ["a b", "ł", "x" * 65, "%00", "a%0Ab", "\t"])
async def test_an_id_that_cannot_be_is_as_good_as_unknown(world, id_):
    get = f"{HEI}/omobilities/3/get"
    assert ids(await world.post(get, f"omobility_id={id_}&omobility_id=om-1")) == ["om-1"]
    assert ids(await world.post(get, f"omobility_id={id_}")) == []
    assert world.kept.asked == [["om-1"], []]

    assert (await world.post(CNR, f"omobility_id={id_}")).status_code == 200
    assert world.kept.heard == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2000-01-01T00:00:00Z", True),
        ("2026-02-20T12:00:00Z", True),
        ("2026-02-20T13:00:00%2B01:00", True),
        ("2026-02-20T12:00:00.000000000-00:00", True),
        ("2026-02-20T12:00:00.5Z", False),
        ("2026-02-20T12:00:01Z", False),
        ("2046-02-20T12:00:00Z", False),
        ("2026-02-19T24:00:00Z", True),
        ("0001-01-01T00:00:00%2B14:00", None),
        ("2026-02-20", None),
        ("2026-02-20T12:00:00", None),
        ("2026-02-20T12:00:00+01:00", None),
        ("2026-02-20T12:00Z", None),
        ("20260220T120000Z", None),
        ("2026-W08-5T12:00:00Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("2026-02-20t12:00:00z", None),
        ("2026-02-20T12:00:00%2B01", None),
        ("20.02.2026", None),
        ("", None),
        ("2000-01-01T00:00:00Z&modified_since=2000-01-01T00:00:00Z", None),
    ],
)
@pytest.mark.parametrize("api", ["omobilities/2", "omobilities/3", "omobility-las/1"])
async def test_modified_since_is_a_moment_with_a_zone(world, api, value, found):
    target = f"{HEI}/{api}/index?sending_hei_id=lindental.example&modified_since={value}"

    answer = await world.ask(target)

    if found is None:
        assert refusal(answer)[0] == 400
        assert refusal(answer)[1].startswith("modified_since: ")
    else:
        assert bool(ids(answer)) is found
    assert CHANGED.isoformat() == "2026-02-20T12:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026/2027", ["om-1"]),
        ("2026%2F2027", ["om-1"]),
        ("1653/1654", []),
        ("test/test", None),
        ("2026", None),
        ("", None),
        ("2026/2027&receiving_academic_year_id=2026/2027", None),
    ],
)
@pytest.mark.parametrize("api", ["omobilities/2", "omobilities/3", "omobility-las/1"])
async def test_an_academic_year_is_two_years(world, api, value, found):
    target = f"{HEI}/{api}/index?sending_hei_id=lindental.example"

    answer = await world.ask(f"{target}&receiving_academic_year_id={value}")

    if found is None:
        assert refusal(answer)[0] == 400
        assert refusal(answer)[1].startswith("receiving_academic_year_id: ")
    else:
        assert ids(answer) == found


# -- Bodies --


@pytest.mark.parametrize(
    ("target", "kind", "status"),
    [
        (ECHO, FORM, 200),
        (ECHO, "Application/X-WWW-Form-Urlencoded ; charset=UTF-8", 200),
        (ECHO, "text/plain", 415),
        (ECHO, "multipart/form-data; boundary=x", 415),
        (ECHO, "application/json", 415),
        (ECHO, None, 415),
        (UPDATE, FORM, 415),
        (UPDATE, "text/xml", 400),
        (UPDATE, "application/xml; charset=utf-8", 400),
    ],
)
async def test_a_post_is_of_the_type_that_is_taken(world, target, kind, status):
    answer = await world.post(target, "echo=a", before={"content-type": kind})

    assert answer.status_code == status
    if status != 200:
        assert told(answer)[1] == "error-response"


async def test_an_empty_post_needs_no_type(world):
    assert told(await world.post(ECHO, "")) == (200, "response", [RIBEIRA])


@pytest.mark.parametrize("key", [PARTNER, None], ids=["signed", "from anybody"])
async def test_too_large_a_body_is_413(world, key):
    body = b"echo=" + b"a" * 2_000_000
    after = {} if key else {"authorization": None}

    answer = await world.ask(ECHO, method="POST", body=body, after=after)

    assert refusal(answer) == (413, "a body has at most 2000000 bytes")
    assert len((await world.ask(ECHO, method="POST", body=body[5:])).content) < 1000
