"""Types that several APIs share: texts with a language, phones, addresses, contacts, errors."""

import msgspec

from ewp.messages.documents import Versions, listing
from ewp.messages.shapes import XML_LANG, attribute, content, maybe, one, shape
from ewp.messages.values import COUNTRY, E164, EMAIL, GENDER, HTTP, LANGUAGE, STRING
from ewp.messages.writing import ADDRESS, COMMON, PHONE


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text, or an address on the web, in one language."""

    value: str
    lang: str | None = None  # xml:lang, BCP 47; None: not said


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone or fax number (types-phonenumber 1.0). Each part is optional."""

    e164: str | None = None  # `+` and digits
    ext: str | None = None
    other_format: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address (types-address 1.0): lines, or named parts, then the place."""

    recipient_names: tuple[str, ...] = ()
    address_lines: tuple[str, ...] = ()  # at most four; excludes the parts up to the next blank
    building_number: str | None = None
    building_name: str | None = None
    street_name: str | None = None
    unit: str | None = None
    floor: str | None = None
    post_office_box: str | None = None
    delivery_point_codes: tuple[str, ...] = ()

    postal_code: str | None = None
    locality: str | None = None
    region: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person or, without the names of one, an office (types-contact 1.1)."""

    contact_names: tuple[Text, ...]
    person_given_names: tuple[Text, ...] = ()
    person_family_names: tuple[Text, ...] = ()
    person_gender: int | None = None  # ISO 5218
    phone_numbers: tuple[Phone, ...] = ()
    fax_numbers: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    street_address: Address | None = None
    mailing_address: Address | None = None
    role_descriptions: tuple[Text, ...] = ()


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a 4xx or 5xx answer (common-types 1.16, guide §3.2)."""

    developer_message: str  # for logs, never for students
    user_messages: tuple[Text, ...] = ()  # for the user who triggered the call


TEXT = shape(Text, content("value", STRING), attribute(XML_LANG, LANGUAGE, name="lang"))
WEB_ADDRESS = shape(Text, content("value", HTTP), attribute(XML_LANG, LANGUAGE, name="lang"))
PHONE_NUMBER = shape(
    Phone, maybe("e164", E164), maybe("ext", STRING), maybe("other-format", STRING), lenient=True
)


def _check_address(address: Address) -> None:
    named_parts = (
        address.building_number
        or address.building_name
        or address.street_name
        or address.unit
        or address.floor
        or address.post_office_box
        or address.delivery_point_codes
    )
    if address.address_lines and named_parts:
        raise ValueError("needs either lines or named parts")
    if len(address.address_lines) > 4:
        raise ValueError("may have four lines at most")


POSTAL_ADDRESS = shape(
    Address,
    maybe("recipientName", STRING, many="recipient_names"),
    maybe("addressLine", STRING, many="address_lines"),
    maybe("buildingNumber", STRING),
    maybe("buildingName", STRING),
    maybe("streetName", STRING),
    maybe("unit", STRING),
    maybe("floor", STRING),
    maybe("postOfficeBox", STRING),
    maybe("deliveryPointCode", STRING, many="delivery_point_codes"),
    maybe("postalCode", STRING),
    maybe("locality", STRING),
    maybe("region", STRING),
    maybe("country", COUNTRY),
    check_write=_check_address,
    lenient=True,
)
STREET_ADDRESS = maybe("street-address", POSTAL_ADDRESS, namespace=ADDRESS)
MAILING_ADDRESS = maybe("mailing-address", POSTAL_ADDRESS, namespace=ADDRESS)
PHONE_NUMBERS = maybe("phone-number", PHONE_NUMBER, many="phone_numbers", namespace=PHONE)

CONTACT_ENTRY = shape(
    Contact,
    one("contact-name", TEXT, many="contact_names"),
    maybe("person-given-names", TEXT, many="person_given_names"),
    maybe("person-family-name", TEXT, many="person_family_names"),
    maybe("person-gender", GENDER),
    PHONE_NUMBERS,
    maybe("fax-number", PHONE_NUMBER, many="fax_numbers", namespace=PHONE),
    maybe("email", EMAIL, many="emails"),
    STREET_ADDRESS,
    MAILING_ADDRESS,
    maybe("role-description", TEXT, many="role_descriptions"),
    lenient=True,
)

SUCCESS_MESSAGES = listing("success-user-message", TEXT, namespace=COMMON)
"""The content of every `update` response: what to show the user after success."""

_ERROR = Versions(
    "error-response",
    {1: COMMON},
    shape(
        ErrorResponse,
        one("developer-message", STRING),
        maybe("user-message", TEXT, many="user_messages"),
    ),
)


def read_error_response(xml: bytes) -> ErrorResponse:
    """Read the body of a 4xx or 5xx answer; be ready for bodies that are none (guide §3.2)."""
    return _ERROR.read(xml)


def write_error_response(response: ErrorResponse) -> bytes:
    """Write the body of a 4xx or 5xx answer."""
    return _ERROR.write(response, 1)
