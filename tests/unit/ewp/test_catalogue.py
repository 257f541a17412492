"""The questions that one asks of the catalogue (guide §1.2)."""

import base64

import pytest
from unit.ewp.catalogues import (
    AES,
    ANONYMOUS,
    HTTPSIG,
    SERVER_TLSCERT,
    SPECS,
    TLS,
    TLSCERT,
    a_catalogue,
    a_host,
    encryption,
    entry,
    security,
)

from ewp.catalogue import ApiEntry, ClientAuth, Host, ListedHei, ServerAuth, of_hosts
from ewp.catalogue_xml import read_catalogue
from ewp.keys import PrivateKey

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
LISTED = """
<hei id="ribeira.example">
  <other-id type="pic">999000111</other-id>
  <other-id type="erasmus">P  RIBEIRA01</other-id>
  <other-id type="previous-schac">old-ribeira.example</other-id>
  <other-id type="previous-schac">older-ribeira.example</other-id>
  <name xml:lang="pt">Universidade da Ribeira</name>
  <name xml:lang="en"> Ribeira University </name>
  <name>Ribeira</name>
</hei>
"""


def read(*hosts, size=None, **more):
    data = a_catalogue(*hosts, **more)
    step = size or len(data)
    return read_catalogue(data[at : at + step] for at in range(0, len(data), step))


def body_of(key):
    return base64.encodebytes(base64.b64decode(key.public.to_base64_der())).decode()


def versions(entries):
    return [each.version for each in entries]


# --- entries


@pytest.mark.parametrize("size", [1, 7, 1_000, None])
def test_an_entry_tells_all_that_a_call_needs_however_the_bytes_are_cut(size):
    inner = (
        "<get-url> https://sis.example/get\n</get-url><index-url>https://sis.example/index"
        "</index-url><max-omobility-ids>10</max-omobility-ids>"
        "<sends-notifications/>"
    )
    catalogue = read(
        a_host(entry("omobilities", "3.0.1", inner=inner), ["lindental.example"]), size=size
    )

    assert catalogue.entry("lindental.example", "omobilities", 3) == ApiEntry(
        api="omobilities",
        version="3.0.1",
        major=3,
        urls={"get-url": "https://sis.example/get", "index-url": "https://sis.example/index"},
        limits={"max-omobility-ids": 10},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
        server_auth=frozenset({ServerAuth.HTTPSIG, ServerAuth.TLSCERT}),
        host=0,
    )


def test_a_catalogue_of_today_s_size_is_read_though_it_comes_in_one_piece():
    of_12_mb = f"<!-- {'x' * 1000} -->" * 12_000  # libxml2 takes no 10 MB at once

    found = read(a_host(entry("echo", "2.0.0"), ["lindental.example"], before=of_12_mb))

    assert found.covers("lindental.example")


def test_the_highest_version_is_found_whatever_the_order_and_the_host():
    catalogue = read(
        a_host(entry("echo", "2.0.9") + entry("echo", "2.0.10"), ["a.example"]),
        a_host(entry("echo", "2.0.2") + entry("echo", "1.9.0"), ["a.example"]),
    )

    assert versions(catalogue.entries("a.example", "echo")) == ["2.0.10", "2.0.9", "2.0.2", "1.9.0"]
    assert versions(catalogue.entries("a.example", "echo", 1)) == ["1.9.0"]
    assert catalogue.entry("a.example", "echo", 2).version == "2.0.10"
    assert catalogue.majors("a.example", "echo") == {1, 2}


def test_the_major_version_is_the_namespaces_not_the_numbers():
    catalogue = read(a_host(entry("courses", "0.7.1", major=1), ["a.example"]))

    assert catalogue.entry("a.example", "courses", 1).version == "0.7.1"
    assert catalogue.entry("a.example", "courses", 0) is None


@pytest.mark.parametrize(
    ("element", "tail"),
    [
        ("organizational-units", "ounits"),
        ("simple-course-replication", "course-replication"),
    ],
)
def test_elements_that_are_named_otherwise_than_their_specification_are_known(element, tail):
    catalogue = read(a_host(entry(element, tail=tail), ["a.example"]))

    assert catalogue.entry("a.example", element, 1).api == element


@pytest.mark.parametrize(
    "strange",
    [
        entry("echo", "2.0.0", namespace="https://somebody.example/echo"),
        entry("echo", "2.0.0", namespace=f"{SPECS}api-echo/tree/stable-v2/manifest-entry.xsd"),
        entry("echo", "2.0.0", namespace=""),
        entry("omobilities", "2.0.0", tail="echo"),
        entry("ounits", "2.0.0"),
        entry("echo", "2.0", major=2),
        entry("echo", "2.0.0-rc1", major=2),
        entry("echo", "", major=2),
        entry("echo", "2.0.0", inner=""),
        entry("echo", "2.0.0", inner="<url>ftp://sis.example/</url>"),
        entry("echo", "2.0.0", inner='<url xmlns="">https://sis.example/</url>'),
    ],
)
def test_an_entry_that_nobody_can_use_is_skipped_and_the_others_stay(strange):
    catalogue = read(a_host(strange + entry("echo", "2.0.1"), ["a.example"]))

    assert versions(catalogue.hosts[0].entries) == ["2.0.1"]


@pytest.mark.parametrize("limit", ["", "many", "-1", "0", "1.5", "9" * 30])
def test_a_limit_that_is_no_number_counts_as_absent(limit):
    inner = f"<url>https://sis.example/</url><max-omobility-ids>{limit}</max-omobility-ids>"
    catalogue = read(a_host(entry("omobility-cnr", "1.0.0", inner=inner), ["a.example"]))

    assert catalogue.entry("a.example", "omobility-cnr", 1).limits == {}


# --- security


@pytest.mark.parametrize(
    ("secured", "client", "server", "usable"),
    [
        ("", {"tlscert"}, {"tlscert"}, False),
        (security(client=None), {"tlscert"}, {"tlscert", "httpsig"}, False),
        (security(client=TLSCERT), {"tlscert"}, {"tlscert", "httpsig"}, False),
        (security(client="<new-method/>"), set(), {"tlscert", "httpsig"}, False),
        (security(client=HTTPSIG, server=None), {"httpsig"}, {"tlscert"}, True),
        (security(client=TLSCERT + HTTPSIG), {"tlscert", "httpsig"}, {"tlscert", "httpsig"}, True),
        (security(client=ANONYMOUS, server=SERVER_TLSCERT), {"anonymous"}, {"tlscert"}, True),
    ],
    ids=["none", "no list", "tlscert", "unknown", "httpsig", "both", "anonymous"],
)
def test_an_entry_is_usable_when_a_caller_of_today_can_meet_its_security(
    secured, client, server, usable
):
    catalogue = read(a_host(entry("factsheet", secured=secured), ["a.example"]))

    (found,) = catalogue.entries("a.example", "factsheet")
    assert (found.client_auth, found.server_auth, found.usable) == (client, server, usable)
    assert found.signs_responses == ("httpsig" in server)
    assert (catalogue.entry("a.example", "factsheet", 1) is not None) is usable
    assert catalogue.majors("a.example", "factsheet") == ({1} if usable else set())
    assert catalogue.heis_with("factsheet") == ({"a.example"} if usable else set())


@pytest.mark.parametrize(
    ("side", "methods", "usable"),
    [("request", AES, False), ("response", AES, False), ("request", AES + TLS, True)],
)
def test_an_entry_that_wants_more_encryption_than_tls_is_not_usable(side, methods, usable):
    secured = security(more=encryption(side, methods))
    catalogue = read(a_host(entry("echo", "2.0.0", secured=secured), ["a.example"]))

    assert (catalogue.entry("a.example", "echo", 2) is not None) is usable


def test_a_lower_version_is_taken_where_the_highest_is_not_usable():
    catalogue = read(
        a_host(
            entry("factsheet", "1.3.0", secured=security(client=TLSCERT))
            + entry("factsheet", "1.2.0"),
            ["a.example"],
        )
    )

    assert catalogue.entry("a.example", "factsheet", 1).version == "1.2.0"


def test_discovery_is_open_to_all_as_it_has_no_security_to_declare():
    catalogue = read(a_host(entry("discovery", "6.0.0", secured=""), ["a.example"]))

    assert catalogue.entry("a.example", "discovery", 6).client_auth == {ClientAuth.ANONYMOUS}


# --- HEIs


def test_an_hei_of_several_hosts_is_served_by_all_of_them():
    catalogue = read(
        a_host(entry("omobilities", "2.0.0"), ["ribeira.example"]),
        a_host(entry("omobility-cnr", "1.0.0"), ["Ribeira.Example ", "b.example"]),
    )

    assert catalogue.hei_ids == {"ribeira.example", "b.example"}
    assert catalogue.entry("ribeira.example", "omobilities", 2).host == 0
    assert catalogue.entry("ribeira.example", "omobility-cnr", 1).host == 1
    assert catalogue.entry("b.example", "omobilities", 2) is None
    assert catalogue.heis_with("omobility-cnr") == {"ribeira.example", "b.example"}
    assert (catalogue.covers("b.example"), catalogue.covers("c.example")) == (True, False)


def test_an_hei_of_no_host_is_listed_but_not_covered():
    catalogue = read(a_host(), heis=LISTED)

    assert not catalogue.covers("ribeira.example")
    assert catalogue.entries("ribeira.example", "echo") == ()
    assert catalogue.name("ribeira.example", "en") == "Ribeira University"


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("pt", "Universidade da Ribeira"),
        ("pt-BR", "Universidade da Ribeira"),
        ("PT", "Universidade da Ribeira"),
        ("en", "Ribeira University"),
        ("de", "Ribeira University"),
    ],
)
def test_a_name_is_in_the_language_asked_for_or_in_english(language, name):
    assert read(a_host(), heis=LISTED).name("ribeira.example", language) == name


def test_a_name_without_a_language_or_simply_the_first_is_better_than_none():
    catalogue = read(
        a_host(),
        heis=(
            '<hei id="a.example"><name xml:lang="pl">A</name><name>B</name></hei>'
            '<hei id="b.example"><name xml:lang="pl">C</name><name xml:lang="fr">D</name></hei>'
            '<hei id="c.example"><name xml:lang="en"> </name></hei>'
        ),
    )

    names = [catalogue.name(f"{hei}.example", "de") for hei in "abcd"]
    assert names == ["B", "C", None, None]


def test_names_and_other_ids_are_listed_as_they_come():
    assert read(a_host(), heis=LISTED).listed("ribeira.example") == ListedHei(
        hei_id="ribeira.example",
        names=(("pt", "Universidade da Ribeira"), ("en", "Ribeira University"), (None, "Ribeira")),
        other_ids=(
            ("pic", "999000111"),
            ("erasmus", "P  RIBEIRA01"),
            ("previous-schac", "old-ribeira.example"),
            ("previous-schac", "older-ribeira.example"),
        ),
    )


def test_an_hei_is_found_by_its_erasmus_code_however_many_blanks():
    catalogue = read(
        a_host(),
        heis=LISTED
        + '<hei id="twin.example"><other-id type="erasmus">P RIBEIRA01</other-id></hei>',
    )

    both = ("ribeira.example", "twin.example")
    assert catalogue.find_by_other_id("erasmus", " P   RIBEIRA01") == both
    assert catalogue.find_by_other_id("pic", "999000111") == ("ribeira.example",)
    assert catalogue.find_by_other_id("pic", "P RIBEIRA01") == ()


# --- keys


def test_a_client_key_speaks_for_every_hei_of_every_host_that_names_it():
    catalogue = read(
        a_host("", ["a.example", "b.example"], [KEY.key_id]),
        a_host("", ["c.example"], [KEY.key_id, OTHER.key_id]),
        keys={KEY.key_id: body_of(KEY), OTHER.key_id: body_of(OTHER)},
    )

    assert catalogue.heis_of_client_key(KEY.key_id) == {"a.example", "b.example", "c.example"}
    assert catalogue.heis_of_client_key(OTHER.key_id) == {"c.example"}
    assert catalogue.client_key(KEY.key_id) == KEY.public


def test_a_client_key_of_no_hei_is_a_key_all_the_same():
    catalogue = read(a_host("", [], [KEY.key_id]), keys={KEY.key_id: body_of(KEY)})

    assert catalogue.client_key(KEY.key_id) == KEY.public
    assert catalogue.heis_of_client_key(KEY.key_id) == frozenset()


def test_a_key_that_is_only_a_server_key_is_no_client_key():
    catalogue = read(
        a_host("", ["a.example"], [OTHER.key_id], [KEY.key_id]), keys={KEY.key_id: body_of(KEY)}
    )

    assert catalogue.client_key(KEY.key_id) is None
    assert catalogue.heis_of_client_key(KEY.key_id) == frozenset()


def test_only_the_server_keys_of_the_entrys_own_host_may_sign_its_answers():
    catalogue = read(
        a_host(entry("echo", "2.0.0"), ["a.example"], [], [KEY.key_id]),
        a_host(entry("factsheet", "1.0.0"), ["a.example"], [KEY.key_id], [OTHER.key_id]),
        keys={KEY.key_id: body_of(KEY), OTHER.key_id: body_of(OTHER)},
    )
    echo = catalogue.entry("a.example", "echo", 2)
    factsheet = catalogue.entry("a.example", "factsheet", 1)

    assert catalogue.server_keys(echo) == {KEY.key_id}
    assert catalogue.server_key(echo, KEY.key_id) == KEY.public
    assert catalogue.server_key(echo, OTHER.key_id) is None
    assert catalogue.server_keys(factsheet) == {OTHER.key_id}
    assert catalogue.server_key(factsheet, KEY.key_id) is None


def test_a_key_is_read_once():
    catalogue = read(a_host("", [], [KEY.key_id]), keys={KEY.key_id: body_of(KEY)})

    assert catalogue.client_key(KEY.key_id) is catalogue.client_key(KEY.key_id)


@pytest.mark.parametrize(
    "body", ["", "not base64!", "QUJD", body_of(OTHER)], ids=["empty", "text", "other", "another's"]
)
def test_a_key_whose_body_is_not_what_its_fingerprint_says_does_not_count(body):
    catalogue = read(a_host("", ["a.example"], [KEY.key_id]), keys={KEY.key_id: body})

    assert catalogue.client_key(KEY.key_id) is None
    assert catalogue.heis_of_client_key(KEY.key_id) == {"a.example"}


def test_certificates_and_keys_without_a_fingerprint_are_skipped():
    relic = f'<certificate sha-256="{"a" * 64}"/><rsa-public-key/><rsa-public-key sha-256="x"/>'

    catalogue = read(a_host("", ["a.example"], [KEY.key_id], more_credentials=relic))

    assert catalogue.hosts[0].client_keys == {KEY.key_id}


# --- hosts


def test_a_host_tells_who_runs_it():
    before = (
        "<ewp:admin-email> ewp@sis.example </ewp:admin-email><ewp:admin-email/>"
        "<ewp:admin-email>dev@sis.example</ewp:admin-email>"
        "<ewp:admin-provider>Example (SIS)</ewp:admin-provider>"
        "<ewp:admin-notes>Tests on <!-- all --> Fridays <![CDATA[<3]]></ewp:admin-notes>"
    )

    catalogue = read(a_host("", ["a.example"], [KEY.key_id], [OTHER.key_id], before=before))

    assert catalogue.hosts == (
        Host(
            admin_emails=("ewp@sis.example", "dev@sis.example"),
            admin_provider="Example (SIS)",
            admin_notes="Tests on  Fridays <3",
            hei_ids=("a.example",),
            client_keys=frozenset({KEY.key_id}),
            server_keys=frozenset({OTHER.key_id}),
        ),
    )


def test_hosts_from_elsewhere_make_a_catalogue_too():
    echo = ApiEntry(
        api="echo",
        version="2.0.1",
        major=2,
        urls={"url": "https://a.example/echo"},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
        host=17,
    )
    host = Host(entries=(echo,), hei_ids=("a.example",), server_keys=frozenset({KEY.key_id}))
    listed = ListedHei(hei_id="a.example", names=(("en", "A"),))

    catalogue = of_hosts([Host(), host], heis=[listed], keys=[KEY.public])

    found = catalogue.entry("a.example", "echo", 2)
    assert (found.host, catalogue.host(found).hei_ids) == (1, ("a.example",))
    assert catalogue.server_key(found, KEY.key_id) == KEY.public
    assert catalogue.name("a.example", "en") == "A"
