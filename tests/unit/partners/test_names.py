"""What universities call themselves in the catalogue, where it is read by students."""

from email.message import EmailMessage

import pytest
from unit.ewp.catalogues import a_catalogue, a_host

from erasmus_app.ids import HeiId
from erasmus_app.partners.names import LONGEST_NAME, CatalogueNames
from ewp.catalogue_xml import read_catalogue

HEI = HeiId("evil.example")


def named(name: str) -> str:
    """How an HEI of this name is shown."""
    heis = f'<hei id="{HEI}"><name xml:lang="en">{name}</name></hei>'
    catalogue = read_catalogue([a_catalogue(a_host("", [HEI]), heis=heis)])
    return CatalogueNames(lambda: catalogue, {}).name(HEI, "en")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("University of X\u202egnp.exe", "University of Xgnp.exe"),
        ("\u2066University\u2069 \u200b\u2060of\ufeff X", "University of X"),
        ("University&#10;of&#13;&#10;Bcc: x@evil.example", "University of Bcc: x@evil.example"),
        ("University &lt;b&gt;of&lt;/b&gt; X &amp; Y", "University <b>of</b> X & Y"),
        ("Πανεπιστήμιο Πατρών", "Πανεπιστήμιο Πατρών"),
        ("&#x202e;&#x200b;", HEI),
    ],
    ids=["turned", "invisible", "lines", "markup is text", "Greek", "nothing that shows"],
)
def test_a_name_steers_no_screen_and_makes_no_line_of_its_own(name: str, shown: str):
    assert named(name) == shown
    EmailMessage()["Subject"] = named(name)  # which takes no line in a header


def test_a_name_of_any_length_fits_a_push():
    assert named("ψ" * 10_000) == "ψ" * (LONGEST_NAME - 1) + "…"
