"""The smaller APIs are called like all others: a report is a signed form."""

from unit.ewp.client.partner import HEI, KEY

from ewp.messages import courses, monitoring


def young(entry):
    """An entry of a 0.x version, which is in the namespace of version 1."""
    return entry.replace("/stable-v0/", "/stable-v1/")


async def test_a_report_is_sent_and_its_answer_known(calls):
    portal = calls.know(young(calls.partner.entry("monitoring", "0.2.0")))
    calls.partner.body = monitoring.write_response()
    report = monitoring.Report(
        server_hei_id="montfort.example", api_name="omobilities", endpoint_name="get", http_code=503
    )

    reply = await calls.client().call(KEY, HEI, portal, parameters=monitoring.write_report(report))

    [heard] = calls.heard()
    assert (heard.method, monitoring.read_report(heard.parameters)) == ("POST", report)
    monitoring.read_response(reply.body)
    assert reply.major in monitoring.NAMESPACE


async def test_courses_are_asked_for_in_parts_of_the_partners_limit(calls):
    limits = "<max-los-ids>2</max-los-ids><max-los-codes>9</max-los-codes>"
    entry = calls.know(young(calls.partner.entry("courses", "0.7.1", limits=limits)))
    calls.partner.body = courses.write_response([])

    replies = await calls.client().get_objects(
        KEY, HEI, entry, ["CR/1", "CR/2", "CR/3"], [("hei_id", HEI)], name="los_id"
    )

    assert [each.parameters for each in calls.heard()] == [
        [("hei_id", HEI), ("los_id", "CR/1"), ("los_id", "CR/2")],
        [("hei_id", HEI), ("los_id", "CR/3")],
    ]
    assert [courses.read_response(each.body) for each in replies] == [(), ()]
    assert {each.major for each in replies} <= set(courses.NAMESPACE)
