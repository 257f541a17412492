"""Objects one by one: canonical, and the same again when they are read."""

import pytest
from unit.ewp.host.issued import transcript
from unit.ewp.host.world import AGREEMENTS, NOMINATIONS, older, reception

from ewp.errors import MessageInvalid
from ewp.messages import ewpmobility, imobilities, objects, omobilities, omobility_las

NOMINATION = NOMINATIONS["om-1"]
EACH = [
    ("omobilities", 3, NOMINATION),
    ("omobilities", 2, older(NOMINATION)),
    ("omobility-las", 1, AGREEMENTS["om-2"]),
    ("imobilities", 1, reception("in-1")),
    ("imobility-tors", 3, transcript("in-1")),
]


@pytest.mark.parametrize(("api", "major", "value"), EACH)
def test_an_object_written_alone_is_read_as_it_was(api, major, value):
    xml = objects.write_object(api, major, value)

    assert objects.read_objects(api, major, [xml, xml]) == (value, value)
    assert objects.write_object(api, major, value) == xml


def test_blanks_and_prefixes_of_a_document_make_no_other_object():
    xml = omobilities.write_get_response([NOMINATION], major=3)
    spaced = xml.replace(b"><", b">\n  <")

    [listing] = objects.read_document(spaced)
    [value] = listing.objects
    assert (listing.api, listing.major) == ("omobilities", 3)
    assert objects.write_object("omobilities", 3, value) == objects.write_object(
        "omobilities", 3, NOMINATION
    )


def test_a_document_says_by_its_root_what_it_lists():
    agreements = tuple(AGREEMENTS.values())

    assert objects.read_document(omobility_las.write_get_response(agreements)) == (
        objects.Listing("omobility-las", 1, agreements),
    )


def test_an_exchange_file_lists_what_goes_and_what_comes():
    coming = imobilities.IncomingMobilityV2(omobility_id="in-1")
    file = ewpmobility.MobilityFile(omobilities=(NOMINATION,), imobilities=(coming,))

    assert objects.read_document(ewpmobility.write_file(file)) == (
        objects.Listing("omobilities", 3, (NOMINATION,)),
        objects.Listing("imobilities", 2, (coming,)),
    )


def test_the_order_within_an_exchange_file_is_free():
    file = ewpmobility.MobilityFile(
        omobilities=(NOMINATION,),
        imobilities=(imobilities.IncomingMobilityV2(omobility_id="in-1"),),
    )
    first = objects.write_object("imobilities", 2, file.imobilities[0])
    second = objects.write_object("omobilities", 3, NOMINATION)
    root = f'ewp-mobility-file xmlns="{ewpmobility.NAMESPACE[1]}"'.encode()
    turned = b"<" + root + b">" + first + second + b"</ewp-mobility-file>"
    assert ewpmobility.read_file(turned) == file


@pytest.mark.parametrize("xml", [b"<a/>", b'<omobilities-get-response xmlns="urn:x"/>'])
def test_another_document_is_refused_with_what_is_read(xml):
    with pytest.raises(MessageInvalid, match=r"none of omobilities-get-response, .*file"):
        objects.read_document(xml)
