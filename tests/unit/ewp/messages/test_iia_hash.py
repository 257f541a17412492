"""What is hashed of an agreement, byte by byte, and who may approve it."""

import hashlib

import pytest
from msgspec.structs import replace
from unit.ewp.messages.test_iias import NEWER, OLDER, sample

from ewp.errors import MessageInvalid, XmlRefused
from ewp.messages import iia_hash, iias

V6, V7 = iias.GET_NAMESPACE[6], iias.GET_NAMESPACE[7]
YEARS_7 = (
    "<receiving-first-academic-year-id>2026/2027</receiving-first-academic-year-id>"
    "<receiving-last-academic-year-id>2028/2029</receiving-last-academic-year-id>"
)
NO_YEARS = "_receiving-first-academic-year-id=__receiving-last-academic-year-id=_"


def response(conditions, *, before="", ids=("a", "b"), namespace=V7, flags=""):
    """A response of one agreement."""
    partners = "".join(
        f"<partner>{'' if id_ is None else f'<iia-id>{id_}</iia-id>'}</partner>" for id_ in ids
    )
    return (
        f'<iias-get-response xmlns="{namespace}">{before}<iia>{partners}'
        f"<cooperation-conditions{flags}>{conditions}</cooperation-conditions></iia>"
        "</iias-get-response>"
    ).encode()


def text(*arguments, **more):
    return iia_hash.text_to_hash(iia_hash.only_agreement(response(*arguments, **more)))


def in_spec(inner, **more):
    """What a specification adds to the text, without what is always there."""
    whole = text(f"<x>{inner}</x>", **more)
    assert whole.startswith("_iia-id_1=a__iia-id_2=b_")
    assert whole.endswith(NO_YEARS)
    return whole.removeprefix("_iia-id_1=a__iia-id_2=b_").removesuffix(NO_YEARS)


@pytest.mark.parametrize(
    ("inner", "hashed"),
    [
        ("<a>1</a><b>2</b>", "_cooperation-conditions.x.a=1__cooperation-conditions.x.b=2_"),
        ("<a> 1\n </a>", "_cooperation-conditions.x.a= 1\n _"),
        ("<a/>", "_cooperation-conditions.x.a=_"),
        ("<a>1<!-- two -->3</a>", "_cooperation-conditions.x.a=13_"),
        ("<a><![CDATA[<&]]>&#65;</a>", "_cooperation-conditions.x.a=<&A_"),
        ("<p:a xmlns:p='urn:p'>1</p:a>", "_cooperation-conditions.x.a=1_"),
        ("<a> <b> <c>1</c> </b> </a>", "_a.b.c=1_"),
        (
            "<a u='1' v=' 2 '>3</a>",
            (
                "_@cooperation-conditions.x.a.u=1@__@cooperation-conditions.x.a.v= 2 @_"
                "_cooperation-conditions.x.a=3_"
            ),
        ),
        ("<a u='1'><b>2</b></a>", "_@cooperation-conditions.x.a.u=1@__x.a.b=2_"),
        ("<a not-yet-defined='true' u='1'>2</a>", ""),
        ("<a not-yet-defined='1'><b>2</b></a>", ""),
        ("<a not-yet-defined='false'>1</a>", "_cooperation-conditions.x.a=1_"),
        ("<a not-yet-defined='yes'>1</a>", "_cooperation-conditions.x.a=1_"),
        ("<a><b not-yet-defined='true'/><c>1</c></a>", "_x.a.c=1_"),
        (
            "<isced-f-code v6-value='02'>0231</isced-f-code>",
            "_cooperation-conditions.x.isced-f-code=02_",
        ),
        (
            "<isced-f-code v6-value=''>0231</isced-f-code>",
            "_cooperation-conditions.x.isced-f-code=0231_",
        ),
        ("<a v6-value='02'>0231</a>", "_cooperation-conditions.x.a=0231_"),
        ("<sending-contact><n>Ruth</n></sending-contact>", ""),
        ("<receiving-contact><n><m>Ruth</m></n></receiving-contact>", ""),
        ("<contact><n>Ruth</n></contact>", "_x.contact.n=Ruth_"),
    ],
)
def test_what_stands_in_a_specification_is_hashed_by_the_book(inner, hashed):
    assert in_spec(inner) == hashed


@pytest.mark.parametrize(
    ("ids", "hashed"),
    [
        (("L/1", "R 2"), "_iia-id_1=L/1__iia-id_2=R 2_"),
        (("L/1", None), "_iia-id_1=L/1__iia-id_2=_"),
        ((None, ""), "_iia-id_1=__iia-id_2=_"),
        (("L/1",), "_iia-id_1=L/1__iia-id_2=_"),
    ],
)
def test_the_ids_of_both_partners_are_hashed(ids, hashed):
    assert text("", ids=ids) == hashed


@pytest.mark.parametrize(
    ("flag", "hashed"),
    [("true", True), ("1", True), ("false", False), ("0", False), ("yes", False)],
)
def test_the_end_of_an_agreement_comes_first(flag, hashed):
    flags = f' terminated-as-a-whole="{flag}"'

    assert text("", flags=flags) == "_@terminated-as-a-whole@_" * hashed + (
        "_iia-id_1=a__iia-id_2=b_"
    )


def test_years_are_hashed_at_the_end_of_each_specification():
    one = f"<x>{YEARS_7}<n>1</n></x><y><n>2</n></y>"

    assert text(one) == (
        "_iia-id_1=a__iia-id_2=b_"
        "_cooperation-conditions.x.n=1_"
        "_receiving-first-academic-year-id=2026/2027__receiving-last-academic-year-id=2028/2029_"
        f"_cooperation-conditions.y.n=2_{NO_YEARS}"
    )


def test_of_a_specification_that_is_not_yet_defined_only_the_years_are_hashed():
    undefined = f"<x not-yet-defined='true'>{YEARS_7}<n>1</n></x>"

    assert text(undefined) == (
        "_iia-id_1=a__iia-id_2=b_"
        "_receiving-first-academic-year-id=2026/2027__receiving-last-academic-year-id=2028/2029_"
    )


def test_an_agreement_that_only_changed_its_form_keeps_its_text():
    older = "".join(
        f"<receiving-academic-year-id>{year}</receiving-academic-year-id>"
        for year in ("2026/2027", "2027/2028", "2028/2029")
    )

    assert text(f"<x>{older}<n>1</n></x>", namespace=V6) == text(f"<x>{YEARS_7}<n>1</n></x>")


def test_the_hash_is_of_the_text_in_utf_8():
    xml = response("<x><n>Żółć</n></x>")

    element = iia_hash.only_agreement(xml)
    digits = hashlib.sha256(iia_hash.text_to_hash(element).encode()).hexdigest()
    assert "Żółć" in iia_hash.text_to_hash(element)
    assert iia_hash.iia_hash(xml) == iia_hash.iia_hash_of(element) == digits


def test_only_one_agreement_is_hashed_at_a_time():
    several = response("", before="<iia><cooperation-conditions/></iia>")

    for hashed in (iia_hash.iia_hash, iia_hash.conditions_hash):
        with pytest.raises(MessageInvalid, match="2 agreements, must be one to hash"):
            hashed(several)
        with pytest.raises(MessageInvalid, match="0 agreements, must be one to hash"):
            hashed(f'<iias-get-response xmlns="{V7}"/>'.encode())
        with pytest.raises(MessageInvalid, match="is no iias-get-response of version 6, 7"):
            hashed(several.replace(b"stable-v7", b"stable-v5"))
        with pytest.raises(MessageInvalid, match="cooperation-conditions: is missing"):
            hashed(response("").replace(b"cooperation-conditions", b"terms"))
        with pytest.raises(XmlRefused):
            hashed(b"<!DOCTYPE a><a/>")


def test_each_agreement_of_several_is_hashed_for_itself():
    xml = sample("iias-7-get-response").decode()
    start, end = xml.index("<iia>"), xml.index("</iias-get-response>")
    ended = xml[start:end].replace(
        "<cooperation-conditions>", ('<cooperation-conditions terminated-as-a-whole="true">')
    )

    both = iia_hash.read_checked((xml[:end] + ended + xml[end:]).encode())

    [alone] = iia_hash.read_checked(xml.encode())
    assert both[0] == alone
    assert [each.fits for each in both] == [True, False]


# -- Version 6 --


def test_the_conditions_hash_leaves_out_contacts_and_comments_and_keeps_every_blank():
    def digits(inner, start=""):
        return iia_hash.conditions_hash(response(inner, namespace=V6, flags=start))

    plain = digits("\n <x> \n\t<n>1</n></x>")
    canonical = (
        f'<cooperation-conditions xmlns="{V6}">\n <x> \n\t<n>1</n></x></cooperation-conditions>'
    )
    assert plain == hashlib.sha256(canonical.encode()).hexdigest()
    assert digits("\n <x> <sending-contact>a</sending-contact>\n\t<n>1</n></x>") == plain
    assert digits("\n <x> \n<receiving-contact/>\t<n>1</n></x>") == plain
    assert digits("\n <x> \n\t<n>1</n><receiving-contact/></x>") == plain
    assert digits("\n <!-- a --><x> \n\t<n>1</n></x>") == plain
    assert digits("\n <x  > \n\t<n>&#49;</n></x>", " xmlns:unused='urn:u'") == plain
    assert digits("\n<x> \n\t<n>1</n></x>") != plain
    assert digits("\n <x> \n\t<n>2</n></x>") != plain


def test_conditions_with_a_relative_namespace_name_cannot_be_hashed():
    relative = response("<x/>", namespace=V6, flags=" xmlns:k='//here.example/'")

    with pytest.raises(XmlRefused, match="a namespace name in it is relative"):
        iia_hash.conditions_hash(relative)


def test_the_document_that_was_hashed_is_as_it_was():
    element = iia_hash.only_agreement(sample("iias-6-get-response"))
    before = iia_hash.text_to_hash(element), len(list(element.iter()))

    iia_hash.conditions_hash_of(element)

    assert (iia_hash.text_to_hash(element), len(list(element.iter()))) == before


# -- Approval --


@pytest.mark.parametrize(
    ("name", "changes", "fits", "obstacles"),
    [
        ("iias-7-get-response", [], True, ()),
        ("iias-6-get-response", [], True, ("it lacks the iia-id of a partner",)),
        (
            "iias-7-get-response",
            [("<mobilities-per-year>4<", "<mobilities-per-year>5<")],
            False,
            ("its hash does not fit",),
        ),
        (
            "iias-7-get-response",
            [("<language>de<", "<language> de<")],
            False,
            ("its hash does not fit",),
        ),
        (
            "iias-7-get-response",
            [("<iia-id>r-0042</iia-id>", "")],
            False,
            ("it lacks the iia-id of a partner", "its hash does not fit"),
        ),
        (
            "iias-7-get-response",
            [("<mobilities-per-year>4<", '<mobilities-per-year not-yet-defined="true">4<')],
            False,
            ("mobilities-per-year has not-yet-defined", "its hash does not fit"),
        ),
        (
            "iias-7-get-response",
            [("<isced-f-code>0613<", '<isced-f-code v6-value="061">0613<')],
            False,
            ("isced-f-code has v6-value", "its hash does not fit"),
        ),
        (
            "iias-7-get-response",
            [("<k:contact-name>Servicepunkt<", "<k:contact-name>Welcome desk<")],
            True,
            (),
        ),
        ("iias-7-get-response", [("<in-effect> 1 <", "<in-effect>false<")], True, ()),
        (
            "iias-6-get-response",
            [
                (
                    "ribeira.example</hei-id>\n    </p",
                    "ribeira.example</hei-id><iia-id>r</iia-id></p",
                ),
                ("<k:contact-name>Hugo Lemaire<", "<k:contact-name>Anne<"),
            ],
            True,
            (),
        ),
        (
            "iias-6-get-response",
            [("conditions-hash>", "hash>")],
            False,
            ("it lacks the iia-id of a partner", "it carries no hash"),
        ),
    ],
)
def test_only_what_is_whole_and_unchanged_may_be_approved(name, changes, fits, obstacles):
    [checked] = iia_hash.read_checked(sample(name, *changes))

    assert (checked.fits, checked.obstacles) == (fits, obstacles)


def test_a_sealed_agreement_carries_the_hash_of_what_is_written():
    for major, iia in ((6, OLDER), (7, NEWER)):
        sealed = iia_hash.sealed(iia)
        [checked] = iia_hash.read_checked(iias.write_get_response([sealed], major=major))
        assert (checked.iia, checked.fits) == (sealed, True)

    changed = replace(sealed, in_effect=False)
    assert iia_hash.sealed(changed).iia_hash == sealed.iia_hash
    partners = (sealed.partners[0], replace(sealed.partners[1], iia_id="r-0043"))
    assert iia_hash.sealed(replace(sealed, partners=partners)).iia_hash != sealed.iia_hash


def test_what_cannot_be_written_cannot_be_sealed():
    with pytest.raises(MessageInvalid, match="needs two partners"):
        iia_hash.sealed(replace(NEWER, partners=()))
