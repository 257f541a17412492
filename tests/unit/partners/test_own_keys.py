"""Whether the network knows our keys is read from the catalogue."""

from erasmus_app.ids import HeiId
from erasmus_app.partners.own_keys import OwnKeys
from ewp.catalogue import ApiEntry, Catalogue, Host, of_hosts
from ewp.errors import CatalogueUnavailable
from ewp.keys import PrivateKey

HOME = HeiId("home.example")
OURS, OLD = PrivateKey.generate(), PrivateKey.generate()


def a_host(client: PrivateKey, server: PrivateKey, at: str = "app.example") -> Host:
    url = f"https://{at}/ewp/{HOME}/manifest.xml"
    entry = ApiEntry(api="discovery", version="6.0.0", major=6, urls={"url": url})
    return Host(
        hei_ids=(HOME,),
        entries=(entry,),
        client_keys=frozenset({client.key_id}),
        server_keys=frozenset({server.key_id}),
    )


def unlisted(catalogue: Catalogue) -> tuple[str, ...]:
    return OwnKeys(lambda: catalogue, "https://app.example", {HOME: OURS}, {HOME: OURS}).unlisted()


def test_a_listed_hei_without_either_key_of_ours_is_named_and_one_that_is_not_listed_is_not():
    told = {
        "ours": unlisted(of_hosts([a_host(OLD, OLD, "sis.example"), a_host(OURS, OURS)])),
        "old client key": unlisted(of_hosts([a_host(OLD, OURS)])),
        "old server key": unlisted(of_hosts([a_host(OURS, OLD)])),
        "its own system alone": unlisted(of_hosts([a_host(OLD, OLD, "sis.example")])),
        "nobody": unlisted(of_hosts([])),
    }

    assert told == {
        "ours": (),
        "old client key": (HOME,),
        "old server key": (HOME,),
        "its own system alone": (),
        "nobody": (),
    }


def test_the_next_catalogue_is_read_anew_and_none_is_no_matter():
    def none_yet() -> Catalogue:
        raise CatalogueUnavailable("none yet")

    keys = OwnKeys(none_yet, "https://app.example", {HOME: OURS}, {HOME: OURS})
    told = [keys.unlisted()]
    for listed in (OLD, OURS, OLD):
        catalogue = of_hosts([a_host(listed, listed)])
        keys.catalogue = lambda now=catalogue: now
        told.append(keys.unlisted())

    assert told == [(), (HOME,), (), (HOME,)]
