"""What is counted, in which words, and how it is shown."""

import pytest
from litestar.types import Message, Receive, Scope, Send
from metering import number, shown

from erasmus_app.api.measured import measured
from erasmus_app.telemetry.exposition import Figure, exposition
from erasmus_app.telemetry.metrics import Words, count_line


def test_a_label_takes_so_many_words_of_others_and_nothing_that_is_none():
    words = Words(2)
    given = ["UNREGISTERED", "HTTP_503", "HTTP_502", "UNREGISTERED", "a sentence", "x" * 61, ""]

    assert [words(each) for each in given] == [
        *("UNREGISTERED", "HTTP_503", "other", "UNREGISTERED", "other", "other", "other")
    ]


def test_what_is_no_word_takes_no_place():
    words = Words(1)

    assert [words(each) for each in ("https://a.example", "OK")] == ["other", "OK"]


def test_a_line_of_the_log_is_counted_and_passed_on():
    before = shown()
    line = {"event": "push.credential_refused", "level": "error"}
    assert count_line(None, "error", line) is line
    after = shown()

    changed = {key for key in after if after[key] != before.get(key) and "log" in key[0]}
    assert changed == {("erasmus_log_lines_total", frozenset({("level", "error")}))}


def test_figures_are_shown_beside_what_was_counted():
    figures = [
        Figure("erasmus_jobs", "Jobs.", ("kind", "state"), {("poll", "dead"): 2, ("a", "b"): 1}),
        Figure("erasmus_retained_rows_total", "Rows.", ("class",), {("access_log",): 3}),
        Figure.one("ewp_catalogue_age_seconds", "Age.", None),
    ]
    lines = exposition(figures).decode().splitlines()

    assert lines[-9:] == [
        "# HELP erasmus_jobs Jobs.",
        "# TYPE erasmus_jobs gauge",
        'erasmus_jobs{kind="a",state="b"} 1.0',
        'erasmus_jobs{kind="poll",state="dead"} 2.0',
        "# HELP erasmus_retained_rows_total Rows.",
        "# TYPE erasmus_retained_rows_total counter",
        'erasmus_retained_rows_total{class="access_log"} 3.0',
        "# HELP ewp_catalogue_age_seconds Age.",
        "# TYPE ewp_catalogue_age_seconds gauge",
    ]


async def answered(scope: Scope, app: object, route: str | None = None) -> dict[str, float]:
    """Which requests one call of an application counts."""
    before = shown()

    async def nobody(_message: Message) -> None:
        pass

    await measured(app, route, scope, None, nobody)  # type: ignore[arg-type]
    after, name = shown(), "http_server_request_duration_seconds_count"
    return {
        " ".join(value for _, value in sorted(of)): value - before.get((line, of), 0)
        for (line, of), value in after.items()
        if line == name and value != before.get((line, of), 0)
    }


async def streams(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for more in (True, False):
        await send({"type": "http.response.body", "body": b"x", "more_body": more})


async def breaks(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError


async def test_each_answer_is_counted_once_by_method_route_and_status():
    scope = {"type": "http", "method": "GET", "path": "/a", "path_template": "/{id}"}

    assert await answered(scope, streams) == {"GET /{id} 200": 1}  # type: ignore[arg-type]
    assert await answered(scope, streams, "/graphql") == {"GET /graphql 200": 1}  # type: ignore[arg-type]


async def test_what_strangers_make_up_is_no_label():
    scope = {"type": "http", "method": "MAKEUP", "path": "/ines@ribeira.example"}

    assert await answered(scope, streams) == {"other none 200": 1}  # type: ignore[arg-type]


async def test_a_socket_is_no_request():
    assert await answered({"type": "websocket", "path": "/graphql"}, streams) == {}  # type: ignore[arg-type]


async def test_what_breaks_before_it_answers_is_an_error_of_ours():
    scope = {"type": "http", "method": "POST", "path": "/graphql"}
    before = shown()
    with pytest.raises(RuntimeError):
        await answered(scope, breaks, "/graphql")  # type: ignore[arg-type]

    labels = {"method": "POST", "route": "/graphql", "status": "500"}
    name = "http_server_request_duration_seconds_count"
    assert number(shown(), name, **labels) - number(before, name, **labels) == 1
