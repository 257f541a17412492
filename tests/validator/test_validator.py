"""The validator finds what is wrong: hosts spoilt in one way each, and the step that says so."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from lxml import etree
from partners import StandIn
from validator.agreements import hash_of
from validator.results import Grade, failure, notice, success, warning, worst
from validator.sandboxed import sites_running
from validator.site import EWP, Known
from validator.steps import plan

from ewp.errors import RequestRefused
from ewp.host_calls import Endpoint, UnknownEndpoint
from ewp.host_courses import CoursesService
from ewp.host_files import FileService
from ewp.host_monitoring import MonitoringService
from ewp.manifest import Offer
from ewp.messages.file import File
from sandbox.cast import LINDENTAL
from sandbox.network import services_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI, HERE = LINDENTAL.hei_id, Path(__file__).parent
WITHOUT_SCHEMAS = not EWP.is_dir()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(authority, tmp_path_factory):
    async with sites_running(tmp_path_factory.mktemp("spoilt"), authority) as sites:
        yield sites


async def found(sites, step_id, *, known=None):
    """What a step says of the university as it is now."""
    site = await sites.of(HEI)
    if known is not None:
        site.known = known
    [step] = [each for each in plan(site.manifest.entries) if each.id == step_id]
    return await step.run(site)


@dataclass(frozen=True)
class Spoilt(StandIn):
    """A service that calls, answers or declares otherwise."""

    call: object = staticmethod(lambda call: call)
    content: object = staticmethod(lambda content: content)
    declared: object = staticmethod(lambda offer: offer)
    methods: frozenset = frozenset()

    def offer(self, base: str) -> Offer:
        return self.declared(self.real.offer(base))

    def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
        async def handle(call):
            return self.content(await endpoint.handle(self.call(call)))

        return replace(endpoint, handle=handle, methods=endpoint.methods | self.methods)


def serving(sites, spoil):
    """Let the university serve what `spoil` makes of each of its services."""
    services = services_of(sites.network.heis[HEI], sites.network.heis.values)
    sites.network.instead[HEI] = tuple(map(spoil, services))


@pytest.fixture(autouse=True)
def afterwards(sites):
    yield
    sites.network.instead.pop(HEI, None)


def only(api, major, **changes):
    def spoil(service):
        is_it = (service.api, service.major) == (api, major)
        return Spoilt(service, **changes) if is_it else service

    return spoil


def without(name):
    """Forget a parameter."""

    def changed(call):
        kept = tuple(each for each in call.parameters if each[0] != name)
        return msgspec.structs.replace(call, parameters=kept)

    return changed


def as_itself(call):
    return msgspec.structs.replace(call, callers=frozenset({call.hei_id}))


def refuse_unknown(call):
    if any(value.startswith("unknown-") for _, value in call.parameters):
        raise UnknownEndpoint("no such object")
    return call


def once_each(call):
    return msgspec.structs.replace(call, parameters=tuple(dict.fromkeys(call.parameters)))


def conflict_is_bad(call):
    raise RequestRefused("no")


def limited_to(number):
    return lambda offer: msgspec.structs.replace(
        offer,
        children=tuple((k, str(number) if k.startswith("max-") else v) for k, v in offer.children),
    )


def of_version(version):
    return lambda offer: msgspec.structs.replace(offer, version=version)


def broken_in(old, new):
    return lambda content: content.replace(old, new)


needs_schemas = pytest.mark.skipif(
    WITHOUT_SCHEMAS, reason="../shared is not here: published schemas"
)


@pytest.mark.parametrize(
    ("spoil", "step", "grade", "words"),
    [
        (
            only("imobilities", 2, call=as_itself),
            "imobilities-2/get/POST/of-others",
            Grade.FAILURE,
            "has 1 items where 0 were expected",
        ),
        (
            only("omobilities", 3, call=as_itself),
            "omobilities-3/index/GET/of-others",
            Grade.FAILURE,
            "shows to somebody else what is the partner's",
        ),
        (
            only("omobilities", 3, call=once_each),
            "omobilities-3/get/GET/too-many-known",
            Grade.FAILURE,
            "status 200 in place of 400",
        ),
        (
            only("omobility-cnr", 2, declared=limited_to(3)),
            "omobility-cnr-2/url/POST/too-many",
            Grade.FAILURE,
            "status 200 in place of 400",
        ),
        (
            only("imobilities", 2, call=refuse_unknown),
            "imobilities-2/get/GET/unknown",
            Grade.FAILURE,
            "status 404 in place of 200 (no such object)",
        ),
        (
            only("omobilities", 3, call=without("receiving_academic_year_id")),
            "omobilities-3/index/POST/year-long-ago",
            Grade.FAILURE,
            "has 2 ids where it must hold nothing",
        ),
        (
            only("omobilities", 3, call=without("modified_since")),
            "omobilities-3/index/GET/since-in-20-years",
            Grade.WARNING,
            "has 2 ids where it must hold nothing",
        ),
        (
            only("omobility-las", 1, call=without("receiving_hei_id")),
            "omobility-las-1/index/GET/partner-of-others",
            Grade.FAILURE,
            "has 2 ids where it must hold nothing",
        ),
        (
            only("courses", 1, call=without("lois_before")),
            "courses-1/url/GET/before-filters",
            Grade.FAILURE,
            "lois_before leaves 2 instances where",
        ),
        (
            only("courses", 1, call=without("los_at_date")),
            "courses-1/url/POST/at-a-day-filters",
            Grade.FAILURE,
            "los_at_date leaves 2 instances where",
        ),
        (
            only("omobility-las", 1, call=conflict_is_bad),
            "omobility-las-1/update/POST-text/unknown-proposal",
            Grade.WARNING,
            "status 400 in place of 409 (no)",
        ),
        (
            only("omobility-cnr", 2, methods=frozenset({"GET"})),
            "omobility-cnr-2/url/GET/not-taken",
            Grade.WARNING,
            "status 400 in place of 405",
        ),
        (
            only("omobility-las", 1, declared=of_version("1.1.0")),
            "omobility-las-1/entry/declared",
            Grade.NOTICE,
            "1.1.0 is not 1.2.0, the newest",
        ),
        (
            only("organizational-units", 2, call=refuse_unknown),
            "organizational-units-2/url/GET/unknown-code",
            Grade.FAILURE,
            "status 404 in place of 200",
        ),
        (
            only("institutions", 2, content=broken_in(b"root-ounit-id>hei<", b"root-ounit-id>x<")),
            "institutions-2/url/GET/root-unit-is-listed",
            Grade.FAILURE,
            "root-ounit-id is not listed among the units",
        ),
        (
            only("institutions", 2, content=broken_in(b"ounit-id>exchange<", b"ounit-id>gone<")),
            "institutions-2/url/GET/listed-units-are-there",
            Grade.FAILURE,
            "lists 3 units, of which 2 are there",
        ),
        (
            only("imobility-tors", 3, content=broken_in(b"<?xml", b" <?xml")),
            "imobility-tors-3/get/GET/known",
            Grade.FAILURE,
            "is no well-formed XML",
        ),
        pytest.param(
            only("factsheet", 1, content=broken_in(b"decision-weeks-limit", b"patience")),
            "factsheet-1/url/GET/known",
            Grade.FAILURE,
            "is not valid",
            marks=needs_schemas,
        ),
        pytest.param(
            only("omobility-stats", 1, content=broken_in(b"omobility-pending", b"pending")),
            "omobility-stats-1/url/GET/own-figures",
            Grade.FAILURE,
            "is not valid",
            marks=needs_schemas,
        ),
    ],
)
async def test_a_host_that_does_something_else_is_found_out(sites, spoil, step, grade, words):
    serving(sites, spoil)

    result = await found(sites, step)

    assert (result.grade, words in result.words) == (grade, True), str(result)


# -- Answers that were changed on their way --


def without_header(name):
    return lambda answer: replace(
        answer, headers={k: v for k, v in answer.headers.items() if k != name}
    )


def with_header(name, value):
    return lambda answer: replace(answer, headers=answer.headers | {name: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_header("signature"), "is not signed"),
        (without_header("x-request-id"), "X-Request-Id is not that of the request"),
        (with_header("x-request-signature", "x"), "X-Request-Signature is not the request's"),
        (with_header("digest", "SHA-256=x"), "Digest is not that of the body as sent"),
        (with_header("original-date", "Mon, 02 Mar 2026 09:05:07 GMT"), "signs no date of now"),
        (with_header("content-type", "text/html"), "Content-Type 'text/html' is none of XML"),
        (with_header("content-type", "text/xml; charset=iso-8859-2"), "is none of XML in UTF-8"),
        (lambda answer: replace(answer, raw=answer.raw + b" "), "Digest is not that of the body"),
        (lambda answer: replace(answer, status=400), "without an error-response"),
        (lambda answer: replace(answer, raw=b"oops"), "is no well-formed XML"),
    ],
)
async def test_an_answer_that_is_not_as_it_must_be_is_found_out(sites, change, words):
    site = await sites.of(HEI)
    answer = await site.call(site.manifest.entry(("echo", 2)).urls["url"])
    assert site.judge(answer, 200).grade is Grade.SUCCESS

    result = site.judge(change(answer), 200)

    assert result.grade is Grade.FAILURE
    assert words in result.words


async def test_a_key_that_is_not_the_hosts_is_found_out(sites):
    site = await sites.of(HEI)
    answer = await site.call(site.manifest.entry(("echo", 2)).urls["url"])
    site.manifest.server_keys.clear()

    assert site.judge(answer, 200) == failure(
        "is signed with a key that is none of the manifest's server keys"
    )


async def test_a_401_says_how_to_sign(sites):
    site = await sites.of(HEI)
    answer = await site.call(site.manifest.entry(("echo", 2)).urls["url"], key=False)
    assert site.judge(answer, 401).grade is Grade.SUCCESS

    for name in ("www-authenticate", "want-digest"):
        result = site.judge(without_header(name)(answer), 401)
        assert (result.grade, f"a 401 must carry {name}" in result.words) == (Grade.FAILURE, True)


# -- What is not known, and what the sandbox does not serve --


async def test_what_is_not_known_is_not_looked_at_and_says_so(sites):
    for step in (
        "omobilities-3/get/GET/known",
        "omobilities-3/index/GET/all",
        "omobility-las-1/update/POST-text/known",
        "courses-1/url/GET/before-filters",
    ):
        assert await found(sites, step, known=Known()) == notice(
            "no object is known: not looked at"
        )


@dataclass
class Papers:
    """Files, and reports that were heard."""

    reports: list = field(default_factory=list)

    async def file(self, callers, file_id):
        return File(content=b"%PDF-", media_type="application/pdf") if file_id == "pdf" else None

    async def reported(self, callers, report):
        self.reports.append(report)


async def test_files_and_reports_are_looked_at_too(sites):
    papers = Papers()
    sites.network.instead[HEI] = (FileService(papers), MonitoringService(papers))
    site = await sites.of(HEI)
    site.known = Known(objects={("file", 1): ["pdf"]})

    results = {each.id: await each.run(site) for each in plan(site.manifest.entries)}

    assert {id_: str(each) for id_, each in results.items() if each.grade} == {}
    assert {"file-1/url/GET/known", "monitoring-1/url/POST/whole"} <= results.keys()
    assert len(papers.reports) == 2


async def test_an_api_that_no_table_knows_is_noticed(sites):
    service = CoursesService(None)
    sites.network.instead[HEI] = (
        Spoilt(service, declared=lambda o: msgspec.structs.replace(o, api="mt-projects")),
    )

    assert await found(sites, "mt-projects-1/entry/known") == notice(
        "nothing is known of url: only its security is looked at"
    )


async def test_the_worst_counts_and_is_told_once():
    several = [success(), notice("a"), warning("b"), warning("b"), warning("c")]

    assert worst(*several) == warning("b; c")
    assert worst() == success("nothing to find fault with")


async def test_a_host_that_does_not_answer_is_found_out(sites):
    site = await sites.of(HEI)
    step = next(each for each in plan(site.manifest.entries) if each.id.startswith("echo-2/url"))
    async with httpx.AsyncClient(trust_env=False) as who_trusts_nobody_here:
        site.http = who_trusts_nobody_here

        assert await step.run(site) == failure("there was no answer: ConnectError")


@needs_schemas
async def test_the_hash_of_an_agreement_is_that_of_the_published_example():
    examples = EWP / "examples/ewp-specs-api-iias-v7.0.0"
    right, wrong = [
        etree.parse(examples / f"get-response-{name}.xml").getroot().find("{*}iia")
        for name in ("hash-example", "wrong-hash")
    ]

    assert hash_of(right) == right.findtext("{*}iia-hash")
    assert hash_of(wrong) != wrong.findtext("{*}iia-hash")


async def test_the_validator_knows_nothing_of_the_toolkit():
    own = [each for each in HERE.glob("*.py") if not each.name.startswith(("test_", "sandboxed"))]

    assert len(own) > 6
    for each in own:
        imports = re.findall(
            r"^(?:from|import) (\w+)", each.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert not {"ewp", "erasmus_app", "sandbox"} & set(imports), each.name
