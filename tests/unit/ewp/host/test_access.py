"""Who is shown what: each API's rules, with answers that are empty and not refused (guide §3.3)."""

import pytest
from lxml import etree
from unit.ewp.host.world import (
    MONTFORT,
    NOBODYS,
    OWN,
    PARTNER,
    RIBEIRA,
    THIRD,
    ids,
    refusal,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
EVERYBODY = [PARTNER, THIRD, OWN, NOBODYS]
GETS = {
    "omobilities/2/get?sending_hei_id=lindental.example": (
        ["om-1", "om-2", "om-3"],
        [["om-1", "om-3"], ["om-2"], ["om-1", "om-2", "om-3"], []],
    ),
    "omobilities/3/get?": (
        ["om-1", "om-2", "om-3"],
        [["om-1", "om-3"], ["om-2"], ["om-1", "om-2", "om-3"], []],
    ),
    "omobility-las/1/get?sending_hei_id=lindental.example": (
        ["om-1", "om-2", "om-4"],
        [["om-1", "om-4"], ["om-2"], ["om-1", "om-2", "om-4"], []],
    ),
    "imobilities/1/get?receiving_hei_id=lindental.example": (
        ["in-1", "in-2", "in-9"],
        [["in-1"], ["in-2"], ["in-1", "in-2"], []],
    ),
    "imobilities/2/get?": (
        ["in-1", "in-2", "in-9"],
        [["in-1"], ["in-2"], ["in-1", "in-2"], []],
    ),
    "imobility-tors/2/get?receiving_hei_id=lindental.example": (
        ["in-1", "in-2", "in-9"],
        [["in-1"], ["in-2"], ["in-1", "in-2"], []],
    ),
    "imobility-tors/3/get?": (
        ["in-1", "in-2", "in-9"],
        [["in-1"], ["in-2"], ["in-1", "in-2"], []],
    ),
}


@pytest.mark.parametrize("api", GETS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_caller_is_shown_its_own(world, api, method):
    asked, shown = GETS[api]
    path, _, query = api.partition("?")
    form = "&".join(filter(None, [query, *(f"omobility_id={each}" for each in asked)]))

    async def seen_by(key):
        if method == "POST":
            return ids(await world.post(f"{HEI}/{path}", form, key=key))
        return ids(await world.ask(f"{HEI}/{path}?{form}", key=key))

    assert [await seen_by(key) for key in EVERYBODY] == shown


@pytest.mark.parametrize("api", GETS)
@pytest.mark.parametrize("form", ["omobility_id=unknown", "omobility_id=OM-1&omobility_id=om"])
async def test_unknown_ids_are_an_empty_answer(world, api, form):
    answer = await world.ask(f"{HEI}/{api}&{form}")

    assert told(answer) == (200, f"{api.partition('/')[0]}-get-response", [None])


async def test_known_ids_among_unknown_ones_are_answered(world):
    get = f"{HEI}/omobilities/3/get?omobility_id=no&omobility_id=om-3&omobility_id=om-3"

    assert ids(await world.ask(get)) == ["om-3"]


INDEXES = [
    ("omobilities/2", "", [["om-1", "om-3"], ["om-2"], ["om-1", "om-2", "om-3"], []]),
    ("omobilities/3", "", [["om-1", "om-3"], ["om-2"], ["om-1", "om-2", "om-3"], []]),
    (
        "omobility-las/1",
        "",
        [["om-1", "om-3", "om-4"], ["om-2"], ["om-1", "om-2", "om-3", "om-4"], []],
    ),
    ("omobilities/2", f"receiving_hei_id={MONTFORT}", [[], ["om-2"], ["om-2"], []]),
    ("omobilities/2", "receiving_hei_id=unheard.example", [[], [], [], []]),
    ("omobilities/2", "receiving_hei_id=", [[], [], [], []]),
    (
        "omobilities/2",
        f"receiving_hei_id=unheard.example&receiving_hei_id={RIBEIRA.upper()}",
        [["om-1", "om-3"], [], ["om-1", "om-3"], []],
    ),
    (
        "omobilities/2",
        f"receiving_hei_id={RIBEIRA}&receiving_hei_id={RIBEIRA}",
        [["om-1", "om-3"], [], ["om-1", "om-3"], []],
    ),
    ("omobility-las/1", f"receiving_hei_id={MONTFORT}", [[], ["om-2"], ["om-2"], []]),
    ("omobility-las/1", "receiving_hei_id=unheard.example", [[], [], [], []]),
    ("omobilities/3", "receiving_hei_id=unheard.example", [["om-1", "om-3"], ["om-2"]]),
    ("omobilities/3", "activity_attributes=short-term-doctoral", [["om-3"], [], ["om-3"], []]),
    ("omobilities/3", "activity_attributes=unheard", [[], [], [], []]),
    ("omobility-las/1", "mobility_type=semester", [["om-1"], [], ["om-1"], []]),
    ("omobility-las/1", "mobility_type=blended", [["om-4"], ["om-2"], ["om-2", "om-4"], []]),
    ("omobility-las/1", "mobility_type=doctoral", [["om-3"], [], ["om-3"], []]),
    *(
        (api, f"global_id=urn:schac:personaluniquecode:int:esi:lindental.example:{id_}", shown)
        for api in ("omobilities/3", "omobility-las/1")
        for id_, shown in (("om-1", [["om-1"], [], ["om-1"], []]), ("x", [[], [], [], []]))
    ),
    ("omobilities/3", "global_id=", [[], [], [], []]),
    (
        "omobility-las/1",
        f"receiving_hei_id={RIBEIRA}&receiving_academic_year_id=2027/2028&mobility_type=blended",
        [["om-4"], [], ["om-4"], []],
    ),
]


@pytest.mark.parametrize(("api", "filters", "shown"), INDEXES)
async def test_an_index_is_what_the_caller_may_see_and_asks_for(world, api, filters, shown):
    form = f"sending_hei_id=lindental.example&{filters}"

    assert [
        ids(await world.post(f"{HEI}/{api}/index", form, key=key))
        for key, _ in zip(EVERYBODY, shown, strict=False)
    ] == shown


async def test_an_index_of_the_new_family_needs_no_parameters(world):
    assert ids(await world.ask(f"{HEI}/omobilities/3/index")) == ["om-1", "om-3"]
    assert ids(await world.ask(f"{HEI}/omobilities/3/index?")) == ["om-1", "om-3"]
    assert ids(await world.post(f"{HEI}/omobilities/3/index", "")) == ["om-1", "om-3"]


@pytest.mark.parametrize(
    ("api", "form", "message"),
    [
        ("omobilities/2", "", "sending_hei_id: is required"),
        ("omobilities/2", "sending_hei_id=ribeira.example", "sending_hei_id: not an HEI"),
        (
            "omobilities/2",
            "sending_hei_id=lindental.example&sending_hei_id=unheard.example",
            "sending_hei_id: may be given once",
        ),
        ("omobilities/3", "global_id=a&global_id=a", "global_id: may be given once"),
        (
            "omobilities/3",
            "activity_attributes=a&activity_attributes=a",
            "activity_attributes: may be given once",
        ),
        ("omobility-las/1", "", "sending_hei_id: is required"),
        (
            "omobility-las/1",
            "sending_hei_id=lindental.example&mobility_type=long",
            "mobility_type: must be one of blended, doctoral, semester",
        ),
        (
            "omobility-las/1",
            "sending_hei_id=lindental.example&mobility_type=blended&mobility_type=blended",
            "mobility_type: may be given once",
        ),
    ],
)
async def test_an_index_that_is_asked_wrongly_is_refused(world, api, form, message):
    status, words = refusal(await world.post(f"{HEI}/{api}/index", form))

    assert (status, words[: len(message)]) == (400, message)


# -- Decisions --

SPECS = "https://github.com/erasmus-without-paper/ewp-specs-api-"
NOMINATION = f"{SPECS}omobilities/blob/stable-v3/endpoints/update-request.xsd"
AGREEMENT = f"{SPECS}omobility-las/blob/stable-v1/endpoints"
SIGNATURE = (
    f'<signature><s:signer-name xmlns:s="{AGREEMENT}/get-response.xsd">Rui Sá</s:signer-name>'
    f'<s:signer-position xmlns:s="{AGREEMENT}/get-response.xsd">Dean</s:signer-position>'
    f'<s:signer-email xmlns:s="{AGREEMENT}/get-response.xsd">r@ribeira.example</s:signer-email>'
    f'<s:timestamp xmlns:s="{AGREEMENT}/get-response.xsd">2026-03-02T09:00:00Z</s:timestamp>'
    "</signature>"
)


def decision(id_="om-1", proposal="om-1/1", operation="approve-proposal-v1"):
    return (
        f'<omobilities-update-request xmlns="{NOMINATION}"><{operation}>'
        f"<omobility-id>{id_}</omobility-id><proposal-id>{proposal}</proposal-id>"
        f"</{operation}></omobilities-update-request>"
    ).encode()


def signature(id_="om-1", proposal="om-1/1", hei="lindental.example", signed=SIGNATURE):
    return (
        f'<omobility-las-update-request xmlns="{AGREEMENT}/update-request.xsd">'
        f"<sending-hei-id>{hei}</sending-hei-id><approve-proposal-v1>"
        f"<omobility-id>{id_}</omobility-id>"
        f"<changes-proposal-id>{proposal}</changes-proposal-id>{signed}"
        "</approve-proposal-v1></omobility-las-update-request>"
    ).encode()


@pytest.mark.parametrize(
    ("api", "body", "key", "status"),
    [
        ("omobilities/3", decision(), PARTNER, 200),
        ("omobilities/3", decision(), THIRD, 400),
        ("omobilities/3", decision(), OWN, 400),
        ("omobilities/3", decision(), NOBODYS, 400),
        ("omobilities/3", decision("unknown"), PARTNER, 400),
        ("omobilities/3", decision(proposal="old"), PARTNER, 409),
        ("omobilities/3", decision(operation="burn-proposal-v1"), PARTNER, 400),
        ("omobilities/3", decision(operation="reject-proposal-v1"), PARTNER, 400),
        ("omobilities/3", b"", PARTNER, 400),
        ("omobilities/3", b"<!DOCTYPE a><a/>", PARTNER, 400),
        ("omobilities/3", signature(), PARTNER, 400),
        ("omobility-las/1", signature(), PARTNER, 200),
        ("omobility-las/1", signature(hei="LINDENTAL.example"), PARTNER, 200),
        ("omobility-las/1", signature(), THIRD, 400),
        ("omobility-las/1", signature("unknown"), PARTNER, 400),
        ("omobility-las/1", signature(proposal="old"), PARTNER, 409),
        ("omobility-las/1", signature(hei="ribeira.example"), PARTNER, 400),
        ("omobility-las/1", signature(signed=""), PARTNER, 400),
    ],
)
async def test_only_the_receiving_hei_decides(world, api, body, key, status):
    answer = await world.post_xml(f"{HEI}/{api}/update", body, key=key)

    assert answer.status_code == status
    assert len(world.kept.heard) == (status == 200)
    if status == 200:
        message = etree.fromstring(answer.content)[0]
        assert etree.QName(message).localname == "success-user-message"
    else:
        assert told(answer)[1] == "error-response"


# -- Public data --


@pytest.mark.parametrize(("api", "root"), [("institutions/2", "hei"), ("factsheet/1", "factsheet")])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_public_data_are_for_everybody(world, api, root, signed, method):
    async def found(hei_id):
        form = f"hei_id={hei_id}"
        after = {} if signed else {"authorization": None}
        if method == "POST":
            answer = await world.post(f"{HEI}/{api}", form, key=NOBODYS, after=after)
        else:
            answer = await world.ask(f"{HEI}/{api}?{form}", key=NOBODYS, after=after)
        assert answer.status_code == 200
        document = etree.fromstring(answer.content)
        assert etree.QName(document).localname == f"{api.partition('/')[0]}-response"
        return [etree.QName(each).localname for each in document]

    assert await found("lindental.example") == [root]
    assert await found("Lindental.Example") == [root]
    assert await found("nordfjord.example") == []
    assert await found("unheard.example") == []


@pytest.mark.parametrize("api", ["institutions/2", "factsheet/1"])
async def test_also_where_anybody_may_ask_a_false_signature_is_refused(world, api):
    target = f"{HEI}/{api}?hei_id=lindental.example"
    forged = {"authorization": 'Signature keyId="a"'}

    assert (await world.ask(target, after={"digest": "SHA-256=x"})).status_code == 400
    assert (await world.ask(target, after=forged)).status_code == 400
    assert (await world.ask(target, after={"authorization": "Bearer x"})).status_code == 401


@pytest.mark.parametrize(
    "path", ["echo", "omobilities/3/index", "omobility-las/1/get", "omobility-cnr/2"]
)
async def test_nobody_is_anonymous_where_data_are_not_public(world, path):
    answer = await world.post(f"{HEI}/{path}", "x=y", after={"authorization": None})

    assert answer.status_code == 401
