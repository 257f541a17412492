"""What apps give as a subscription: kept in one form, or refused in words."""

import json
from typing import Any

import pytest
from unit.push.browsers import GOOD, KEY, KEYS, a_subscription
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.ports import TargetRefused
from erasmus_app.push.strangers import Doors
from erasmus_app.push.vapid import Vapid
from erasmus_app.push.web_push import WebPush
from erasmus_app.students.models import TargetKind

REFUSED = {
    "no JSON": ("hello", "is no subscription"),
    "half a letter": ("\udcff", "is no subscription"),
    "a list": ("[]", "is no subscription"),
    "no keys": (json.dumps(a_subscription(keys=None)), "is no subscription"),
    "huge": (json.dumps(a_subscription(more="x" * 5000)), "at most"),
    "clear": (json.dumps(a_subscription(endpoint="http://push.example/x")), "no https address"),
    "a file": (json.dumps(a_subscription(endpoint="file:///etc/passwd")), "no https address"),
    "a name": (json.dumps(a_subscription(endpoint="https://me@push.example/x")), "https address"),
    "a blank": (json.dumps(a_subscription(endpoint="https://push.example/ x")), "no address"),
    "a line": (json.dumps(a_subscription(endpoint="https://push.example/\r\nx: y")), "no address"),
    "a fragment": (json.dumps(a_subscription(endpoint="https://push.example/#x")), "no address"),
    "backslash": (json.dumps(a_subscription(endpoint="https://a\\@10.0.0.1/")), "no address"),
    "letters": (json.dumps(a_subscription(endpoint="https://püsh.example/")), "no address"),
    "long": (json.dumps(a_subscription(endpoint=f"https://a.example/{'x' * 2100}")), "no address"),
    "no host": (json.dumps(a_subscription(endpoint="https:///x")), "no https address"),
    "half an IPv6": (json.dumps(a_subscription(endpoint="https://[::1/x")), "no address"),
    "a port": (json.dumps(a_subscription(endpoint="https://push.example:8443/x")), "port"),
    "no port": (json.dumps(a_subscription(endpoint="https://push.example:99999/x")), "no address"),
    "no point": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "AAAA"})), "no point"),
    "off the curve": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "B" * 87})), "no point"),
    "no base64": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "!"})), "base64url"),
    "short auth": (json.dumps(a_subscription(keys=KEYS | {"auth": "AAAA"})), "16 bytes"),
    "strange auth": (json.dumps(a_subscription(keys=KEYS | {"auth": "ä"})), "base64url"),
} | {
    host: (json.dumps(a_subscription(endpoint=f"https://{host}/x")), "open internet")
    for host in (
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"),
        *("[2002:7f00:1::]", "224.0.0.1"),
    )
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_subscription_is_refused_when_it_is_registered(what: str, clock: HandClock):
    given, why = REFUSED[what]
    channel = WebPush(_offline(()), Vapid(KEY, ""), "https://app.example", clock)
    with pytest.raises(TargetRefused, match=why):
        channel.target(TargetKind.WEB_PUSH, given)


def _offline(networks: Any) -> Any:
    """What looks at addresses, and is asked for nothing else."""

    class Offline:
        doors = Doors(networks)

    return Offline()


def test_a_subscription_is_kept_in_one_form_and_named_by_its_endpoint(clock: HandClock):
    channel = WebPush(_offline(()), Vapid(KEY, ""), "https://app.example", clock)
    padded = a_subscription(
        keys={"p256dh": f"{KEYS['p256dh']}=", "auth": f"{KEYS['auth']}=="}, more="is left out"
    )
    one = channel.target(TargetKind.WEB_PUSH, json.dumps(GOOD, indent=2))

    assert channel.target(TargetKind.WEB_PUSH, json.dumps(padded)) == one
    assert (one.name, json.loads(one.value)) == (
        GOOD["endpoint"],
        {"endpoint": GOOD["endpoint"], "keys": KEYS},
    )
