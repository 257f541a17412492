"""Names of fields of education."""

from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.notifications.fields import load_fields

FIELDS = load_fields(catalogue_folder())
DETAILED = {code for code in FIELDS.names["en"] if len(code) == 4}


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ("0613", "en", "Software and applications development and analysis"),
        ("0613", "de-AT", "Entwicklung und Analyse von Software und Anwendungen"),
        ("0613", "pt", "Desenvolvimento e análise de software e aplicações"),
        ("0613", "fi", "Software and applications development and analysis"),
        ("061", "en", "Information and Communication Technologies (ICTs)"),
        ("02", "en", "Arts and humanities"),
        ("0619", "en", "Information and Communication Technologies (ICTs)"),
        ("0688", "en", "Information and Communication Technologies (ICTs)"),
        ("9999", "en", None),
        ("", "en", None),
        ("06131", "en", None),
    ],
)
def test_a_field_has_its_name_or_that_of_the_wider_one(
    code: str, language: str, expected: str | None
):
    assert FIELDS.name(code, language) == expected


def test_every_broad_field_has_narrow_ones_and_each_of_these_detailed_ones():
    narrow = {code[:3] for code in DETAILED}

    assert {code for code in FIELDS.names["en"] if len(code) == 3} == narrow
    assert {code for code in FIELDS.names["en"] if len(code) == 2} == {n[:2] for n in narrow}
    assert (len(narrow), len(DETAILED)) == (29, 80)


def test_a_language_that_lacks_a_field_is_refused(tmp_path: Path):
    (tmp_path / "fields").mkdir()
    (tmp_path / "fields/en.toml").write_text('02 = "Arts"\n06 = "ICT"\n', encoding="utf-8")
    (tmp_path / "fields/de.toml").write_text('02 = "Kunst"\n', encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=r"fields/de\.toml: \['06'\] differ"):
        load_fields(tmp_path)
