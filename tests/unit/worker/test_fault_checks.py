"""What `make test-faults` holds the records to: each thing that could go wrong is found."""

import math

from faults import checking
from faults.checking import Expected, Request


def a_request(at: float = 10.0, message: str | None = "m1", **changed) -> Request:
    known = {"lane": "fcm", "device": "phone", "collapse": message, "status": 200}
    return Request(at=at, message=message, **known | changed)


def a_delivery(message: str = "m1", state: str = "accepted") -> Expected:
    return Expected(device="phone", message=message, state=state)


def test_what_arrived_once_and_is_written_so_is_in_order():
    expected, requests = [a_delivery()], [a_request(status=503), a_request(11.0)]

    assert checking.lost(expected, requests) == []
    assert checking.strangers(expected, requests) == []
    assert checking.visible(requests) == []
    assert checking.unexplained(requests, [], 6.0) == []


def test_what_the_ledger_calls_accepted_and_no_phone_has_got_is_lost():
    requests = [a_request(status=503), a_request(message="m2"), a_request(device="other")]

    assert checking.lost([a_delivery(), a_delivery("m2")], requests) == [
        "m1 never arrived at phone (accepted)"
    ]


def test_what_arrived_and_is_not_written_as_accepted_is_found():
    assert checking.lost([a_delivery(state="pending")], [a_request()]) == ["m1 at phone is pending"]


def test_what_nobody_wrote_is_found():
    assert checking.strangers([a_delivery()], [a_request(message="m9")]) == [
        "m9 at phone is nobody's"
    ]


def test_a_silent_push_is_nobody_s_message_and_one_that_shows_has_to_name_its_own():
    silent, nameless = a_request(message=None, collapse="sync"), a_request(message=None)

    assert checking.strangers([], [silent, silent]) == []
    assert checking.visible([silent, silent]) == []
    assert checking.strangers([], [nameless]) == ["None at phone is nobody's"]


def test_a_double_with_another_collapse_id_is_visible_and_one_with_the_same_is_not():
    assert checking.visible([a_request(), a_request(13.0)]) == []
    assert checking.visible([a_request(), a_request(13.0, collapse="m2")]) == [
        "m1 at phone came as m1, m2"
    ]
    assert checking.visible([a_request(collapse=None), a_request(13.0, collapse=None)]) == [
        "m1 at phone came as None"
    ]


def test_a_double_needs_a_kill_between_for_each_time():
    three = [a_request(10.0), a_request(13.0), a_request(17.0)]

    assert checking.unexplained(three, [10.5, 14.0], 6.0) == []
    assert checking.unexplained(three, [9.5, 14.0], 6.0) == []  # its socket was still read
    assert checking.unexplained(three, [10.5], 6.0) == [
        "m1 at phone came again after 4.00 s without a kill"
    ]
    assert checking.unexplained(three, [2.0, 20.0], 6.0) == [
        "m1 at phone came again after 3.00 s without a kill",
        "m1 at phone came again after 4.00 s without a kill",
    ]
    assert checking.unexplained([a_request(10.0), a_request(90.0)], [80.0], 6.0) == [
        "m1 at phone came again after 80.00 s without a kill"
    ]


def test_a_late_drain_is_found_and_none_at_all():
    assert checking.late(5.9, 6.0) == []
    assert checking.late(6.1, 6.0) == ["drained after 6.1 s, 6.0 s are allowed"]
    assert checking.late(None, 6.0) == ["not drained, with 6.0 s allowed"]


def test_a_request_in_a_window_of_silence_is_found_and_one_at_its_ends_is_not():
    first, second = a_request(100.0, status=429), a_request(110.2, status=429)
    at_its_ends = [a_request(100.8, status=429), a_request(109.5), a_request(111.0)]

    assert checking.silence([first, second], 10, 1.0) == (2, [])
    assert checking.silence([second, first, *at_its_ends], 10, 1.0) == (2, [])
    assert checking.silence([first, a_request(104.0), second], 10, 1.0) == (
        2,
        ["a request 4.00 s into a window of 10 s"],
    )


def test_attempts_are_counted_for_each_message_at_each_phone():
    requests = [a_request(), a_request(status=503), a_request(device="other")]

    assert checking.attempts(requests) == {("phone", "m1"): 2, ("other", "m1"): 1}


def test_a_peak_is_found_wherever_the_second_begins():
    assert checking.peak([]) == 0
    assert checking.peak([0.0, 0.7, 1.1, 1.5, 1.65, 9.0]) == 4


def test_a_quantile_of_nothing_is_not_a_number_and_so_never_good_enough():
    assert checking.quantile(range(100), 0.95) == 95
    assert math.isnan(checking.quantile([], 0.95))


def test_a_line_that_is_half_written_is_left_for_later(tmp_path):
    file = tmp_path / "requests.jsonl"
    line = b'{"at":1.5,"lane":"fcm","device":"d","message":"m","collapse":"m","status":200}\n'
    file.write_bytes(line + line[:20])

    assert checking.read(file) == [a_request(1.5, "m", device="d")]
    assert checking.read_on(file, len(line)) == ([], len(line))
    file.write_bytes(line + line)
    assert checking.read_on(file, len(line)) == (checking.read(file)[1:], 2 * len(line))
