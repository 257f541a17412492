"""Names of fields of education (ISCED-F 2013) in the reader's language: `notifications/fields/`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE

LONGEST_CODE = 4


class FieldNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names by language and code."""

    names: Mapping[str, Mapping[str, str]]

    def name(self, code: str, language: str) -> str | None:
        """Return a field's name; of what has none of its own (0619: other ICT), the wider field's.

        None for what is no code of ISCED-F.
        """
        if len(code) > LONGEST_CODE:
            return None
        words = self.names[choose(language, self.names) or SOURCE_LANGUAGE]
        return next((words[code[:end]] for end in (4, 3, 2) if code[:end] in words), None)


def load_fields(folder: Path) -> FieldNames:
    """Read the names in every language that there is.

    Raises:
        SettingsInvalid: a file is not what it must be, or lacks what another has.
    """
    names: dict[str, dict[str, str]] = {}
    for path in sorted((folder / "fields").glob("*.toml")):
        try:
            table = read_toml(path)
            names[path.stem] = msgspec.convert(table, dict[str, str])
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"{path}: {error}") from error
    if SOURCE_LANGUAGE not in names:
        raise SettingsInvalid(f"{folder}: fields: there is no {SOURCE_LANGUAGE}.toml")
    for language, words in names.items():
        if odd := words.keys() ^ names[SOURCE_LANGUAGE].keys():
            raise SettingsInvalid(f"{folder}: fields/{language}.toml: {sorted(odd)} differ")
    return FieldNames(names=names)
