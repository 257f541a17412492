"""What the guide says of each API (§3.3, §4, §7.3, §7.4), and nothing that is said elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Get:
    """An endpoint that gives objects by id, to GET and to POST."""

    parameter: str = "omobility_id"
    element: str = "omobility-id"
    limit: str = "max-omobility-ids"
    hei: str | None = None  # the parameter that names the asked HEI
    unknown_hei: int = 400  # 200: an empty answer
    older_hei: str | None = None  # what older versions wanted, and old clients still send
    code: tuple[str, str] | None = None  # the parameter for codes, and its limit
    is_public: bool = False


@dataclass(frozen=True)
class Index:
    """An endpoint that lists ids, to GET and to POST."""

    element: str = "omobility-id"
    hei: str | None = None
    unknown_hei: int = 400
    older_hei: str | None = None
    partner: str | None = None  # the parameter that names the other HEI
    partner_repeats: bool = True
    has_year: bool = True
    is_public: bool = False


SENDING, RECEIVING = "sending_hei_id", "receiving_hei_id"
OUNIT = ("ounit_code", "max-ounit-codes")
IIA = {"parameter": "iia_id", "element": "iia-id", "limit": "max-iia-ids"}

GETS = {
    ("omobilities", 1): Get(hei=SENDING),
    ("omobilities", 2): Get(hei=SENDING),
    ("omobilities", 3): Get(older_hei=SENDING),
    ("omobility-las", 1): Get(hei=SENDING),
    ("imobilities", 1): Get(hei=RECEIVING),
    ("imobilities", 2): Get(older_hei=RECEIVING),
    ("imobility-tors", 1): Get(hei=RECEIVING, unknown_hei=200),
    ("imobility-tors", 2): Get(hei=RECEIVING, unknown_hei=200),
    ("imobility-tors", 3): Get(older_hei=RECEIVING),
    ("iias", 6): Get(**IIA, hei="hei_id", code=("iia_code", "max-iia-codes")),
    ("iias", 7): Get(**IIA, older_hei="hei_id"),
    ("organizational-units", 2): Get(
        "ounit_id", "ounit-id", "max-ounit-ids", hei="hei_id", code=OUNIT, is_public=True
    ),
    ("courses", 1): Get(
        "los_id",
        "los-id",
        "max-los-ids",
        hei="hei_id",
        code=("los_code", "max-los-codes"),
        is_public=True,
    ),
    ("institutions", 2): Get("hei_id", "hei-id", "max-hei-ids", is_public=True),
    ("factsheet", 1): Get("hei_id", "hei-id", "max-hei-ids", is_public=True),
}
INDEXES = {
    ("omobilities", 1): Index(hei=SENDING, partner=RECEIVING),
    ("omobilities", 2): Index(hei=SENDING, partner=RECEIVING),
    ("omobilities", 3): Index(older_hei=SENDING),
    ("omobility-las", 1): Index(hei=SENDING, partner=RECEIVING),
    ("imobility-tors", 1): Index(hei=RECEIVING, unknown_hei=200, partner=SENDING, has_year=False),
    ("imobility-tors", 2): Index(hei=RECEIVING, unknown_hei=200, partner=SENDING, has_year=False),
    ("imobility-tors", 3): Index(older_hei=RECEIVING),
    ("iias", 6): Index("iia-id", hei="hei_id", partner="partner_hei_id", partner_repeats=False),
    ("iias", 7): Index("iia-id", older_hei="hei_id"),
    ("simple-course-replication", 1): Index("los-id", hei="hei_id", has_year=False, is_public=True),
}
CNRS = {  # the parameters that name the HEI which tells, then the one with ids, and how many
    ("omobility-cnr", 1): ((SENDING,), "omobility_id", None),
    ("omobility-cnr", 2): ((), "omobility_id", None),
    ("omobility-la-cnr", 1): ((SENDING,), "omobility_id", None),
    ("imobility-cnr", 1): ((RECEIVING,), "omobility_id", None),
    ("imobility-cnr", 2): ((), "omobility_id", None),
    ("imobility-tor-cnr", 1): ((RECEIVING,), "omobility_id", None),
    ("imobility-tor-cnr", 2): ((), "omobility_id", None),
    ("iia-cnr", 2): (("notifier_hei_id",), "iia_id", 1),
    ("iia-cnr", 3): ((), "iia_id", 1),
    ("iia-approval-cnr", 2): ((), "iia_id", 1),
}
STATS = frozenset(
    {
        ("omobility-stats", "url"),
        ("omobility-las", "stats-url"),
        ("omobility-la-cnr", "stats-url"),
        ("imobility-tor-stats", "url"),
        ("iias", "stats-url"),
    }
)
UPDATES = frozenset({("omobilities", 3), ("omobility-las", 1)})
RELEASED = {  # the newest of each major version; 1 of the namespace is 0.x of the drafts
    ("discovery", 6): "6.0.0",
    ("echo", 2): "2.0.1",
    ("institutions", 2): "2.2.0",
    ("organizational-units", 2): "2.1.1",
    ("courses", 1): "0.7.1",
    ("simple-course-replication", 1): "1.0.0",
    ("factsheet", 1): "1.2.0",
    ("file", 1): "1.0.0",
    ("iias", 6): "6.3.0",
    ("iias", 7): "7.0.0",
    ("iias-approval", 1): "1.1.1",
    ("iias-approval", 2): "2.0.0",
    ("iia-cnr", 2): "2.0.3",
    ("iia-cnr", 3): "3.0.0",
    ("iia-approval-cnr", 1): "1.1.0",
    ("iia-approval-cnr", 2): "2.0.0",
    ("omobilities", 1): "1.0.1",
    ("omobilities", 2): "2.0.0",
    ("omobilities", 3): "3.0.0",
    ("omobility-cnr", 1): "1.0.0",
    ("omobility-cnr", 2): "2.0.0",
    ("omobility-stats", 1): "1.0.0",
    ("omobility-las", 1): "1.2.0",
    ("omobility-la-cnr", 1): "1.1.0",
    ("imobilities", 1): "1.0.0",
    ("imobilities", 2): "2.0.0",
    ("imobility-cnr", 1): "1.0.0",
    ("imobility-cnr", 2): "2.0.0",
    ("imobility-tors", 1): "1.0.0",
    ("imobility-tors", 2): "2.0.0",
    ("imobility-tors", 3): "3.0.0",
    ("imobility-tor-cnr", 1): "1.0.0",
    ("imobility-tor-cnr", 2): "2.0.0",
    ("imobility-tor-stats", 1): "1.0.0",
    ("monitoring", 1): "0.2.0",
}


def methods_of(api, major, element):
    """The methods that an endpoint takes (§3.1)."""
    if (api, element) in STATS or api == "file":
        return {"GET"}
    if api.endswith("-cnr") or api == "monitoring" or element == "update-url":
        return {"POST"}
    return {"GET", "POST"}
