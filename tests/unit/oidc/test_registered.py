"""The login providers that the settings name."""

from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.claims import FEIDE, ClaimNames
from erasmus_app.identity.providers import ALGORITHMS, ProviderConfig, myacademicid
from erasmus_app.oidc.registered import load_providers
from erasmus_app.settings import Settings

FIRST = {
    "oidc_issuer": "https://proxy.example",
    "oidc_client_id": "APP-1",
    "oidc_client_secret": "s",
}
NORWAY = """
[[provider]]
name = "feide"
issuer = "https://auth.north.example"
client_id = "c11e"
client_secret = "secret"
mapper = "feide"
can_assert_student = true
extended_userinfo = "https://api.north.example/userinfo/v1/userinfo"
algorithms = ["RS256"]
"""


def loaded(folder: Path, text: str | None, **settings: str) -> dict[str, ProviderConfig]:
    path = None
    if text is not None:
        path = folder / "providers.toml"
        path.write_text(text, encoding="utf-8")
    return load_providers(Settings(oidc_providers=path, **settings))  # type: ignore[arg-type]


def test_there_may_be_none_or_one_or_more(tmp_path: Path):
    first = myacademicid("https://proxy.example", "APP-1", "s")

    assert loaded(tmp_path, None) == {}
    assert loaded(tmp_path, None, **FIRST) == {"myacademicid": first}
    assert loaded(tmp_path, "", **FIRST) == {"myacademicid": first}
    assert list(loaded(tmp_path, NORWAY, **FIRST)) == ["myacademicid", "feide"]


def test_a_file_alone_brings_feide_with_its_own_claims(tmp_path: Path):
    assert loaded(tmp_path, NORWAY) == {
        "feide": ProviderConfig(
            name="feide",
            issuer="https://auth.north.example",
            client_id="c11e",
            client_secret="secret",
            scopes=("openid", "userid", "userid-feide", "userinfo-name", "email", "groups-org"),
            claims=FEIDE,
            algorithms=("RS256",),
            can_assert_student=True,
            extended_userinfo="https://api.north.example/userinfo/v1/userinfo",
        )
    }


def test_a_secret_may_stand_in_a_file_beside_it(tmp_path: Path):
    named = NORWAY.replace('client_secret = "secret"', 'client_secret_file = "feide.secret"')
    (tmp_path / "feide.secret").write_text("pssst\n", encoding="utf-8")
    both = named + 'client_secret = "pssst"\n'

    assert loaded(tmp_path, named)["feide"].client_secret == "pssst"
    for text, content, reason in (
        (both, "pssst", "client_secret and client_secret_file: give one of the two"),
        (named, "", "client_secret_file: .*feide.secret: is empty"),
        (named, "pssst\npssst", "client_secret_file: .*feide.secret: wants one line"),
    ):
        (tmp_path / "feide.secret").write_text(content, encoding="utf-8")
        with pytest.raises(SettingsInvalid, match=reason) as refused:
            loaded(tmp_path, text)
        assert "pssst" not in str(refused.value)


def test_a_provider_that_nobody_knows_is_described_by_its_claims(tmp_path: Path):
    text = """
    [[provider]]
    name = "own-login"
    issuer = "http://127.0.0.1:8080/realms/uni"
    client_id = "app"
    client_secret = "secret"
    scopes = ["openid", "profile"]
    subject_pattern = "[0-9]{6}"
    trust_email = true
    claims = { homes = "org", affiliations = "affiliation", codes = "" }
    """
    [config] = loaded(tmp_path, text).values()

    assert config.claims == ClaimNames(
        homes="org",
        affiliations="affiliation",
        codes="",
        affiliations_too="voperson_external_affilliation",
    )
    assert (config.trust_email, config.can_assert_student) == (True, False)
    assert (config.scopes, config.algorithms) == (("openid", "profile"), ALGORITHMS)
    subjects = ("123456", "1234567", "123456\n", "abc")
    assert [config.admits(each) for each in subjects] == [True, False, False, False]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('name = "feide"', 'name = "Feide"'), "Feide: name: wants lower-case letters"),
        (('name = "feide"', 'name = "myacademicid"'), "myacademicid: name: wants"),
        (('name = "feide"', 'name = "token"'), "token: name: wants"),
        (('name = "feide"', 'title = "x"'), "provider number 1: Object contains unknown field"),
        (('issuer = "https:', 'issuer = "http:'), "feide: issuer: is not an https address"),
        (('issuer = "https://', 'issuer = "https://['), "feide: issuer: is not an https address"),
        (("https://api", "ftp://api"), "feide: extended_userinfo: is not an https address"),
        (('mapper = "feide"', 'mapper = "fiede"'), "feide: mapper: is not one of myacademicid, fe"),
        (('"c11e"', '""'), "feide: client_id and client_secret: both are needed"),
        (('["RS256"]', '["HS256"]'), "feide: algorithms: wants some of ES256"),
        (('["RS256"]', "[]"), "feide: algorithms: wants some of ES256"),
        (('["RS256"]', '"RS256"'), "feide: Expected `array`, got `str` - at `$.algorithms`"),
        (("algorithms", "scopes"), "feide: scopes: openid is needed"),
        (('algorithms = ["RS256"]', 'scopes = ["openid", "offline_access"]'), "feide: scopes:"),
        (('algorithms = ["RS256"]', 'subject_pattern = "("'), "feide: subject_pattern: missing )"),
        (('algorithms = ["RS256"]', 'claims = { house = "x" }'), "feide: Object contains unknown"),
        (("[[provider]]", "[provider]"), "Expected `array`, got `object`"),
        (("[[provider]]", "[[providers]]"), "Object contains unknown field `providers`"),
        (("[[provider]]", "[[provider"), "Expected "),
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_right_stops_the_start(
    tmp_path: Path, change: tuple[str, str], told: str
):
    with pytest.raises(SettingsInvalid) as refused:
        loaded(tmp_path, NORWAY.replace(*change, 1))

    where = f"ERASMUS_APP_OIDC_PROVIDERS: {tmp_path / 'providers.toml'}: "
    assert str(refused.value).startswith(where + told)
    assert '"secret"' not in str(refused.value)


@pytest.mark.parametrize(
    ("own", "others", "what"),
    [
        ("feide", None, "name 'feide'"),
        ("https://auth.north.example", "https://proxy.example", "issuer 'https://proxy.example'"),
        ("c11e", "APP-1", "client_id 'APP-1'"),
    ],
)
def test_two_providers_share_nothing(tmp_path: Path, own: str, others: str | None, what: str):
    text = NORWAY.replace(own, others) if others else NORWAY + NORWAY
    with pytest.raises(SettingsInvalid) as refused:
        loaded(tmp_path, text, **FIRST)

    assert str(refused.value) == f"ERASMUS_APP_OIDC_PROVIDERS: {what} is two providers'"


def test_the_first_provider_needs_its_client(tmp_path: Path):
    with pytest.raises(SettingsInvalid) as refused:
        loaded(tmp_path, NORWAY, oidc_issuer="https://proxy.example", oidc_client_id="APP-1")

    assert "both are needed with ERASMUS_APP_OIDC_ISSUER" in str(refused.value)
