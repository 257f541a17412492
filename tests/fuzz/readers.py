"""Everything that reads foreign XML: what it may raise, and good documents to begin with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from unit.ewp.catalogues import a_catalogue, a_host, entry
from unit.ewp.messages import strategies as made
from unit.ewp.messages import transcripts

from ewp.catalogue_xml import read_catalogue
from ewp.errors import MessageInvalid, XmlRefused
from ewp.ids import HeiId
from ewp.keys import PrivateKey
from ewp.manifest import Manifest, Offer, read_manifest, write_manifest
from ewp.messages import (
    cnr,
    common,
    course_replication,
    courses,
    echo,
    elmo_xml,
    ewpmobility,
    factsheet,
    iia_hash,
    iias,
    iias_approval,
    imobilities,
    imobility_tors,
    institutions,
    monitoring,
    objects,
    omobilities,
    omobility_las,
    omobility_stats,
    organizational_units,
)
from ewp.xml import open_xml

SAMPLES = Path(__file__).parents[1] / "samples"
GENERATED = 15  # documents of each strategy
KEY = PrivateKey.generate()


@dataclass(frozen=True)
class Reader:
    """One reader. `samples` are files, `written` is what we write, `made` are strategies of it."""

    read: Callable[[bytes], object]
    samples: tuple[str, ...] = ()
    written: tuple[bytes, ...] = ()
    made: tuple[st.SearchStrategy, ...] = ()
    refusals: tuple[type[Exception], ...] = (XmlRefused, MessageInvalid)
    known: dict = field(default_factory=dict, compare=False)

    def documents(self) -> tuple[bytes, ...]:
        """Good documents to begin with, each of which is read."""
        if not self.known:
            found = [(SAMPLES / f"{each}.xml").read_bytes() for each in self.samples]
            found += self.written
            for strategy in self.made:
                found += _some(strategy)
            self.known["documents"] = tuple(found)
        return self.known["documents"]


def _some(strategy: st.SearchStrategy) -> list[bytes]:
    """The same few documents each time."""
    found: list[bytes] = []

    @settings(
        max_examples=GENERATED,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(document: bytes) -> None:
        found.append(document)

    collect()
    return found


def as_xml(values: st.SearchStrategy, write: Callable[..., bytes], **more) -> st.SearchStrategy:
    return values.map(partial(write, **more))


def years(struct: type, write: Callable[..., bytes]) -> bytes:
    """A document of statistics: two years, each count another one."""
    names = struct.__struct_fields__[1:]
    two = [
        struct(receiving_academic_year_id=year, **{name: n for n, name in enumerate(names)})
        for year in ("2026/2027", "2027/2027")
    ]
    return write(two)


IDS = ("om-1", "!~/&<x>")
MANIFEST = write_manifest(
    Manifest(
        url="https://sis.ribeira.example/manifest.xml",
        hei_id=HeiId("ribeira.example"),
        names={"pt": "Universidade da Ribeira"},
        admin_emails=("ewp@ribeira.example",),
        admin_provider="SIS",
        offers=(
            Offer(
                api="omobilities",
                version="3.0.0",
                major=3,
                children=(
                    ("get-url", "https://sis.ribeira.example/get"),
                    ("max-omobility-ids", "20"),
                ),
            ),
        ),
        client_keys=(KEY.public,),
        server_keys=(KEY.public,),
        other_ids=(("erasmus", "P  RIBEIRA01"),),
    )
)
[NOMINATION] = omobilities.read_get_response(
    (SAMPLES / "ewp/omobilities-3-get-response.xml").read_bytes()
)
NOMINATED = objects.write_object("omobilities", 3, NOMINATION)
IIA_STATS = iias.IiaStats(**{name: n for n, name in enumerate(iias.IiaStats.__struct_fields__)})
CATALOGUE = a_catalogue(
    a_host(entry("echo", "2.0.0"), ["ribeira.example"], [KEY.key_id], [KEY.key_id]),
    heis='<hei id="ribeira.example"><other-id type="erasmus">P  RIBEIRA01</other-id>'
    "<name>Ribeira</name></hei>",
    keys={KEY.key_id: KEY.public.to_base64_der()},
)


def _transcript_alone() -> bytes:
    """The first transcript of the sample, as a document of its own."""
    sample = (SAMPLES / "ewp/imobility-tors-3-get-response.xml").read_bytes()
    [found, *_] = etree.fromstring(sample).iter("{*}elmo")
    return etree.tostring(found)


READERS = {
    "the door": Reader(open_xml, ("ewp/error-response",), refusals=(XmlRefused,)),
    "catalogue": Reader(lambda data: read_catalogue([data]), written=(CATALOGUE,)),
    "manifest": Reader(read_manifest, written=(MANIFEST,)),
    "elmo_xml.read": Reader(
        elmo_xml.read, ("elmo/elmo-2.0-in-namespace-1",), written=(_transcript_alone(),)
    ),
    "common.read_error_response": Reader(
        common.read_error_response,
        ("ewp/error-response",),
        made=(as_xml(made.structs(common.ErrorResponse), common.write_error_response),),
    ),
    "echo.read_response": Reader(
        echo.read_response,
        ("ewp/echo-2-response",),
        made=(as_xml(made.structs(echo.EchoResponse), echo.write_response),),
    ),
    "cnr.read_cnr_response": Reader(
        lambda data: cnr.read_cnr_response(data, "omobility-cnr", 2),
        written=(cnr.write_cnr_response("omobility-cnr", 2),),
    ),
    "monitoring.read_response": Reader(
        monitoring.read_response, written=(monitoring.write_response(),)
    ),
    "institutions.read_response": Reader(
        institutions.read_response,
        ("ewp/institutions-2-response",),
        made=(as_xml(made.HEIS, institutions.write_response),),
    ),
    "organizational_units.read_response": Reader(
        organizational_units.read_response,
        ("ewp/ounits-2-response",),
        made=(
            as_xml(
                made.lists_of(organizational_units.OrganizationalUnit),
                organizational_units.write_response,
            ),
        ),
    ),
    "ewpmobility.read_file": Reader(
        ewpmobility.read_file,
        made=(as_xml(made.structs(ewpmobility.MobilityFile), ewpmobility.write_file),),
    ),
    "objects.read_document": Reader(
        objects.read_document,
        ("ewp/omobilities-3-get-response", "ewp/imobilities-1-get-response"),
        made=(as_xml(made.structs(ewpmobility.MobilityFile), ewpmobility.write_file),),
    ),
    "objects.read_objects": Reader(
        lambda data: objects.read_objects("omobilities", 3, [data]), written=(NOMINATED,)
    ),
    "factsheet.read_response": Reader(
        factsheet.read_response,
        ("ewp/factsheet-1-response",),
        made=(as_xml(made.FACTSHEETS, factsheet.write_response),),
    ),
    "courses.read_response": Reader(
        courses.read_response,
        ("ewp/courses-1-response",),
        made=(as_xml(made.lists_of(courses.Course), courses.write_response),),
    ),
    "course_replication.read_response": Reader(
        course_replication.read_response,
        written=(course_replication.write_response(["CR/1", "CLS/2"]),),
    ),
    "iias.read_get_response": Reader(
        iias.read_get_response,
        ("ewp/iias-6-get-response", "ewp/iias-7-get-response"),
        made=(
            as_xml(made.lists_of(iias.IiaV6), iias.write_get_response, major=6),
            as_xml(made.lists_of(iias.IiaV7), iias.write_get_response, major=7),
        ),
    ),
    "iias.read_index_response": Reader(
        iias.read_index_response,
        written=tuple(iias.write_index_response(IDS, major=major) for major in (6, 7)),
    ),
    "iias.read_stats_response": Reader(
        iias.read_stats_response,
        written=(iias.write_stats_response(IIA_STATS, major=7),),
    ),
    "iia_hash.read_checked": Reader(
        iia_hash.read_checked, ("ewp/iias-6-get-response", "ewp/iias-7-get-response")
    ),
    "iias_approval.read_response": Reader(
        iias_approval.read_response,
        ("ewp/iias-approval-1-response", "ewp/iias-approval-2-response"),
    ),
    "omobilities.read_get_response": Reader(
        omobilities.read_get_response,
        (
            "ewp/omobilities-1-get-response",
            "ewp/omobilities-2-get-response",
            "ewp/omobilities-3-get-response",
        ),
        made=(
            as_xml(
                made.lists_of(omobilities.StudentMobilityV2),
                omobilities.write_get_response,
                major=2,
            ),
            as_xml(
                made.lists_of(omobilities.StudentMobilityV3),
                omobilities.write_get_response,
                major=3,
            ),
        ),
    ),
    "omobilities.read_index_response": Reader(
        omobilities.read_index_response,
        written=tuple(omobilities.write_index_response(IDS, major=major) for major in (1, 2, 3)),
    ),
    "omobilities.read_update_request": Reader(
        omobilities.read_update_request,
        ("ewp/omobilities-3-update-request",),
        made=(
            as_xml(
                made.structs(omobilities.ApproveProposal)
                | made.structs(omobilities.RejectProposal),
                omobilities.write_update_request,
            ),
        ),
    ),
    "omobilities.read_update_response": Reader(
        omobilities.read_update_response,
        made=(as_xml(made.TEXTS, omobilities.write_update_response),),
    ),
    "omobility_las.read_get_response": Reader(
        omobility_las.read_get_response,
        ("ewp/omobility-las-1-get-response",),
        made=(
            as_xml(
                made.lists_of(omobility_las.LearningAgreement), omobility_las.write_get_response
            ),
        ),
    ),
    "omobility_las.read_index_response": Reader(
        omobility_las.read_index_response, written=(omobility_las.write_index_response(IDS),)
    ),
    "omobility_las.read_update_request": Reader(
        omobility_las.read_update_request,
        ("ewp/omobility-las-1-update-request",),
        made=(
            as_xml(made.structs(omobility_las.UpdateRequest), omobility_las.write_update_request),
        ),
    ),
    "omobility_las.read_update_response": Reader(
        omobility_las.read_update_response,
        made=(as_xml(made.TEXTS, omobility_las.write_update_response),),
    ),
    "imobilities.read_get_response": Reader(
        imobilities.read_get_response,
        ("ewp/imobilities-1-get-response", "ewp/imobilities-2-get-response"),
        made=(
            as_xml(
                made.lists_of(imobilities.IncomingMobilityV1),
                imobilities.write_get_response,
                major=1,
            ),
            as_xml(
                made.lists_of(imobilities.IncomingMobilityV2),
                imobilities.write_get_response,
                major=2,
            ),
        ),
    ),
    "imobility_tors.read_get_response": Reader(
        imobility_tors.read_get_response,
        ("ewp/imobility-tors-2-get-response", "ewp/imobility-tors-3-get-response"),
        made=(
            as_xml(
                transcripts.tors(3).map(transcripts.readable),
                imobility_tors.write_get_response,
                major=3,
            ),
        ),
    ),
    "imobility_tors.read_index_response": Reader(
        imobility_tors.read_index_response,
        written=tuple(imobility_tors.write_index_response(IDS, major=major) for major in (2, 3)),
    ),
    "imobility_tors.read_stats_response": Reader(
        imobility_tors.read_stats_response,
        written=(years(imobility_tors.YearStats, imobility_tors.write_stats_response),),
    ),
    "omobility_stats.read_response": Reader(
        omobility_stats.read_response,
        written=(years(omobility_stats.MobilityStats, omobility_stats.write_response),),
    ),
    "omobility_stats.read_outgoing_las": Reader(
        omobility_stats.read_outgoing_las,
        written=(years(omobility_stats.OutgoingLaStats, omobility_stats.write_outgoing_las),),
    ),
    "omobility_stats.read_incoming_las": Reader(
        omobility_stats.read_incoming_las,
        written=(years(omobility_stats.IncomingLaStats, omobility_stats.write_incoming_las),),
    ),
}
