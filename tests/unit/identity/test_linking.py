"""What speaks for two logins being one person's."""

import pytest

from erasmus_app.identity.linking import Evidence, Login, evidence


def a_login(*keys: str, home: str | None = "ribeira.example", email: str | None = None) -> Login:
    homes = frozenset({home} if home else ())
    return Login(esi_keys=frozenset(keys), homes=homes, email=email)


MAIL = "ines@ribeira.example"
CASES = {
    "the same ESI": ([a_login("a")], [a_login("a", home=None)], Evidence.ESI),
    "one of several": ([a_login(), a_login("a", "b")], [a_login("c", "b")], Evidence.ESI),
    "other ESIs": ([a_login("a")], [a_login("b")], Evidence.NONE),
    "home and address": ([a_login(email=MAIL)], [a_login(email=MAIL)], Evidence.HOME_AND_EMAIL),
    "in other letter case": (
        [a_login(email=MAIL)],
        [a_login("a", email=MAIL.upper())],
        Evidence.HOME_AND_EMAIL,
    ),
    "an address that was given to the next student": (
        [a_login("a", email=MAIL)],
        [a_login("b", email=MAIL)],
        Evidence.NONE,
    ),
    "an account with somebody else's ESI as well": (
        [a_login("a"), a_login(email=MAIL)],
        [a_login(email=MAIL), a_login("b", home="clairval.example")],
        Evidence.NONE,
    ),
    "the address without the home": (
        [a_login(email=MAIL)],
        [a_login(email=MAIL, home=None)],
        Evidence.NONE,
    ),
    "another home": (
        [a_login(email=MAIL)],
        [a_login(email=MAIL, home="clairval.example")],
        Evidence.NONE,
    ),
    "home and address of two different logins": (
        [a_login(), a_login(home="clairval.example", email=MAIL)],
        [a_login(email=MAIL)],
        Evidence.NONE,
    ),
    "the home alone": ([a_login()], [a_login()], Evidence.NONE),
    "addresses that nobody verified": ([a_login(email=None)], [a_login(email=None)], Evidence.NONE),
    "nothing": ([], [], Evidence.NONE),
}


@pytest.mark.parametrize(("ours", "theirs", "found"), CASES.values(), ids=CASES)
def test_two_logins_are_one_persons_by_what_only_one_can_have(
    ours: list[Login], theirs: list[Login], found: Evidence
):
    assert (evidence(ours, theirs), evidence(theirs, ours)) == (found, found)
