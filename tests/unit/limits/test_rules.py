"""The rules, and what an operator makes of them."""

import re

import msgspec
import pytest
from guide import section

from erasmus_app.errors import SettingsInvalid
from erasmus_app.limits.rules import RULES, Away, Limit, load_rules


def test_each_name_has_its_rule_and_nothing_is_set_by_default():
    assert list(RULES) == list(Limit)
    assert load_rules(()) == RULES


def test_an_operator_sets_one_shuts_one_and_leaves_one_out():
    found = load_rules(["anonymous=600/60", " chat_day = 5 / 3600 closed", "feed=off"])

    assert found == {
        **{name: rule for name, rule in RULES.items() if name is not Limit.FEED},
        Limit.ANONYMOUS: msgspec.structs.replace(RULES[Limit.ANONYMOUS], most=600, seconds=60),
        Limit.CHAT_DAY: msgspec.structs.replace(
            RULES[Limit.CHAT_DAY], most=5, seconds=3600, away=Away.CLOSED
        ),
    }


def test_everything_off_leaves_what_is_named_behind_it():
    assert list(load_rules(["everything=off", "login=1/60"])) == [Limit.LOGIN]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("anonymus=1/60", "'anonymus': there is no such limit"),
        ("anonymous", "wants name=MOST/SECONDS"),
        ("anonymous=60", "wants name=MOST/SECONDS"),
        ("anonymous=1/60 ajar", "wants name=MOST/SECONDS"),
        ("everything=1/60", "wants name=MOST/SECONDS"),
        ("anonymous=0/60", "wants 1 to 1000000000 in 1 to"),
        ("anonymous=5/0", "wants 1 to 1000000000 in 1 to"),
        ("anonymous=5/99999999999999999999999", "wants 1 to 1000000000 in 1 to"),
    ],
)
def test_a_typo_is_one_line_that_names_it(given: str, told: str):
    with pytest.raises(SettingsInvalid) as failed:
        load_rules([given])

    assert told in str(failed.value)
    assert str(failed.value).startswith("ERASMUS_APP_LIMITS: ")
    assert "\n" not in str(failed.value)


def test_the_guide_has_every_rule_as_it_is():
    chapter = section("Limits")
    spans = {60: "a minute", 600: "10 minutes", 3600: "an hour", 86_400: "a day"}

    rows = [
        line.strip("| ").split(" | ") for line in re.findall(r"^\| `.*$", chapter, re.MULTILINE)
    ]
    assert [row[:6] for row in rows] == [
        [f"`{name}`", rule.of, rule.per, f"{rule.most:,}", spans[rule.seconds], rule.away]
        for name, rule in RULES.items()
    ]
