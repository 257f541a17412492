"""Statistics: what the portal is told of nominations and learning agreements."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewp.errors import MessageInvalid
from ewp.messages import omobility_stats as stats

KINDS = {
    "omobility-stats-response": (stats.MobilityStats, stats.read_response, stats.write_response),
    "las-outgoing-stats-response": (
        stats.OutgoingLaStats,
        stats.read_outgoing_las,
        stats.write_outgoing_las,
    ),
    "las-incoming-stats-response": (
        stats.IncomingLaStats,
        stats.read_incoming_las,
        stats.write_incoming_las,
    ),
}


def a_year(struct, year, first):
    figures = [name for name in struct.__struct_fields__ if name != "receiving_academic_year_id"]
    return struct(
        receiving_academic_year_id=year,
        **{name: number for number, name in enumerate(figures, first)},
    )


def test_figures_of_nominations_are_read_by_year():
    xml = f"""<omobility-stats-response xmlns="{stats.NAMESPACE[1]}">
      <academic-year-stats>
        <receiving-academic-year-id>2026/2027</receiving-academic-year-id>
        <omobility-pending> 12 </omobility-pending>
        <omobility-approved>+340</omobility-approved>
        <omobility-dreamt-of>9</omobility-dreamt-of>
      </academic-year-stats>
    </omobility-stats-response>"""

    assert stats.read_response(xml.encode()) == (
        stats.MobilityStats(
            receiving_academic_year_id="2026/2027", omobility_pending=12, omobility_approved=340
        ),
    )


@settings(max_examples=20, deadline=None, database=None)
@given(st.sampled_from(sorted(KINDS)), st.lists(st.integers(0, 10**8), max_size=3))
def test_figures_come_back_as_they_were(kind, firsts):
    struct, read, write = KINDS[kind]
    years = tuple(a_year(struct, "2026/2027", first) for first in firsts)

    xml = write(years)

    assert f"<{kind} ".encode() in xml
    assert read(xml) == years


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("year", "number", "words"),
    [
        ("2026", 1, "receiving-academic-year-id: must be YYYY/YYYY"),
        ("2026/2027", -1, "must be an integer, 0 or more"),
        ("2026/2027", None, "is missing"),
    ],
)
def test_figures_without_a_year_or_a_number_are_not_written(kind, year, number, words):
    struct, _, write = KINDS[kind]
    whole = a_year(struct, year, 0)
    last = struct.__struct_fields__[-1]
    figures = {name: getattr(whole, name) for name in struct.__struct_fields__} | {last: number}

    with pytest.raises(MessageInvalid) as refused:
        write([struct(**figures)])

    assert str(refused.value).startswith(f"{kind}/academic-year-")
    assert str(refused.value).endswith(words)


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_figures_is_not_taken_for_another(kind):
    struct, _, write = KINDS[kind]
    xml = write([a_year(struct, "2026/2027", 1)])

    for other, (_, read, _) in KINDS.items():
        if other != kind:
            with pytest.raises(MessageInvalid, match=f"is no {other} of version 1"):
                read(xml)
    with pytest.raises(MessageInvalid, match="is missing"):
        KINDS[kind][1](xml.replace(b"receiving-academic-year-id>", b"year>"))
