"""What the network's APIs call things: HEIs and objects in a form, and their endpoints (guide §4).

Said once, for those who ask and for those who answer. What the messages look like is not here.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ewp.ids import HeiId

EVER = 99  # every major version wants it


class ApiNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one API, as its manifest element is called, in all its major versions.

    `hei` names the HEI whose objects a form is about: the asked one, and in a notification the one
    that tells.
    """

    objects: str | None = None  # the parameter that names objects; None: it has none
    hei: str | None = None  # the parameter that names the HEI; None: none ever did
    hei_until: int = EVER  # the last major version that wants it
    alone_since: int = EVER  # the first major version of which a call has one object only
    endpoints: tuple[str, ...] = ("",)  # of the newest version; the empty one is the API's own


_MOBILITY = "omobility_id"

APIS: Mapping[str, ApiNames] = {
    "echo": ApiNames(),
    "institutions": ApiNames(objects="hei_id"),
    "factsheet": ApiNames(objects="hei_id"),
    "organizational-units": ApiNames(objects="ounit_id", hei="hei_id"),
    "courses": ApiNames(objects="los_id", hei="hei_id"),
    "simple-course-replication": ApiNames(hei="hei_id"),
    "file": ApiNames(objects="file_id"),
    "monitoring": ApiNames(),
    "iias": ApiNames(
        objects="iia_id",
        hei="hei_id",
        hei_until=6,
        alone_since=7,  # a hash may hang on what else is in the answer (guide §8.3 no. 20)
        endpoints=("get", "index", "stats"),
    ),
    "iias-approval": ApiNames(objects="iia_id", hei="approving_hei_id", hei_until=1),
    # Told one by one (guide §4.11).
    "iia-cnr": ApiNames(objects="iia_id", hei="notifier_hei_id", hei_until=2, alone_since=1),
    "iia-approval-cnr": ApiNames(
        objects="iia_id", hei="approving_hei_id", hei_until=1, alone_since=1
    ),
    "omobilities": ApiNames(
        objects=_MOBILITY,
        hei="sending_hei_id",
        hei_until=2,
        endpoints=("get", "index", "update"),
    ),
    "omobility-las": ApiNames(
        objects=_MOBILITY, hei="sending_hei_id", endpoints=("get", "index", "update", "stats")
    ),
    "omobility-stats": ApiNames(),
    "imobilities": ApiNames(
        objects=_MOBILITY, hei="receiving_hei_id", hei_until=1, endpoints=("get",)
    ),
    "imobility-tors": ApiNames(
        objects=_MOBILITY, hei="receiving_hei_id", hei_until=2, endpoints=("get", "index")
    ),
    "imobility-tor-stats": ApiNames(),
    "omobility-cnr": ApiNames(objects=_MOBILITY, hei="sending_hei_id", hei_until=1),
    "omobility-la-cnr": ApiNames(objects=_MOBILITY, hei="sending_hei_id", endpoints=("", "stats")),
    "imobility-cnr": ApiNames(objects=_MOBILITY, hei="receiving_hei_id", hei_until=1),
    "imobility-tor-cnr": ApiNames(objects=_MOBILITY, hei="receiving_hei_id", hei_until=1),
}


def names_of(api: str) -> ApiNames:
    """Return the names of an API; of one that is not in the table, that it has none."""
    return APIS.get(api, ApiNames())


def hei_parameter(api: str, major: int) -> str | None:
    """Return the parameter by which that version wants the HEI named; None: it wants none."""
    names = names_of(api)
    return names.hei if major <= names.hei_until else None


def about_hei(api: str, major: int, hei_id: HeiId) -> list[tuple[str, str]]:
    """Return the parameters that name the HEI in a form: one, or none in newer versions."""
    name = hei_parameter(api, major)
    return [(name, hei_id)] if name else []


def limit_of(parameter: str) -> str:
    """Return the manifest's element that limits a parameter: `max-omobility-ids`."""
    return f"max-{parameter.replace('_', '-')}s"


def most_of(limits: Mapping[str, int], parameter: str) -> int:
    """Return how many values of a parameter a call may have, by a manifest entry's limits.

    One where nothing is said (guide §3.1).
    """
    return max(1, limits.get(limit_of(parameter), 1))


def element_of(endpoint: str) -> str:
    """Return the manifest's element with an endpoint's address: `get-url`, or `url`."""
    return f"{endpoint}-url" if endpoint else "url"


def reading(urls: Mapping[str, str], endpoint: str) -> str:
    """Return the element of an entry to read objects or ids from.

    That of the endpoint, `url` where the API has one endpoint only.
    """
    element = element_of(endpoint)
    return element if element in urls else "url"


def in_parts(
    api: str, major: int, limits: Mapping[str, int], parameter: str, values: Sequence[str]
) -> list[list[tuple[str, str]]]:
    """Return values as parameters, each once, no more in a part than the partner takes."""
    size = most_of(limits, parameter) if major < names_of(api).alone_since else 1
    given = [(parameter, each) for each in dict.fromkeys(values)]
    return [given[start : start + size] for start in range(0, len(given), size)]
