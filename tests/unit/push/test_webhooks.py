"""Signatures and secrets of webhooks, as the specification of Standard Webhooks has them."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId, global_id
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.webhooks import body_of, read_secrets, result_of, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


def test_the_specification_s_own_example():
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [KEY])

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_changes_there_are_two_signatures():
    one = signed("msg_1", 1, b"{}", [KEY])["webhook-signature"]
    other = signed("msg_1", 1, b"{}", [b"x" * 32])["webhook-signature"]

    both = signed("msg_1", 1, b"{}", [KEY, b"x" * 32])["webhook-signature"]
    assert both.split(" ") == [one, other]
    assert one != other


def test_a_file_of_secrets(tmp_path: Path):
    path = tmp_path / "app.secret"
    path.write_text(
        f"# since May\n{SECRET}\n\nwhsec_{base64.b64encode(b'y' * 64).decode()}  # new\n"
    )

    assert read_secrets(path) == (KEY, b"y" * 64)


WRONG = {
    "empty": "\n# nothing\n",
    "no prefix": base64.b64encode(KEY).decode(),
    "no Base64": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
    "too short": "whsec_" + base64.b64encode(b"x" * 23).decode(),
    "too long": "whsec_" + base64.b64encode(b"x" * 65).decode(),
    "not ASCII": "whsec_é",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_secret_that_is_none_stops_the_start_and_is_not_repeated(tmp_path: Path, text: str):
    path = tmp_path / "app.secret"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=r"app\.secret") as refused:
        read_secrets(path)
    assert text.strip() not in str(refused.value)


ANSWERS = {
    200: PushResult(outcome=Outcome.ACCEPTED),
    204: PushResult(outcome=Outcome.ACCEPTED),
    301: PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_301", retry_after=7),
    400: PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_400", retry_after=7),
    410: PushResult(outcome=Outcome.DEVICE_GONE, code="GONE"),
    429: PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_429", retry_after=7),
    503: PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_503", retry_after=7),
}


@pytest.mark.parametrize(("status", "result"), ANSWERS.items())
def test_each_answer_is_an_outcome(status: int, result: PushResult):
    assert result_of(status, 7) == result


def test_a_body_has_the_kind_and_ids_and_nobody_s_name():
    mobility = UUID(int=5)
    body = body_of(
        kind="agreement_sent_back",
        at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        tenant=HeiId("ribeira.example"),
        mobility=mobility,
        sending=HeiId("ribeira.example"),
        receiving=HeiId("lindental.example"),
        omobility="om-17",
        subject="0f" * 16,
    )

    assert json.loads(body) == {
        "type": "mobility.agreement_sent_back",
        "timestamp": "2026-11-20T12:00:00Z",
        "data": {
            "kind": "agreement_sent_back",
            "hei_id": "ribeira.example",
            "mobility": global_id("Mobility", mobility),
            "sending_hei_id": "ribeira.example",
            "receiving_hei_id": "lindental.example",
            "omobility_id": "om-17",
            "subject": "0f" * 16,
        },
    }
