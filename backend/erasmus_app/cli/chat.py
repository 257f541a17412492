"""`erasmus-app chat questions`: what coordinators found to be phrases, as `erasmus_nlu/phrases`."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from erasmus_app.chat.learning import MANY, PURPOSE, KeptQuestion, Place, Verdict
from erasmus_app.chat.stripping import shown
from erasmus_app.cli.student import opened
from erasmus_app.ids import HeiId
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.words import load_purposes
from erasmus_app.settings import Settings, load_heis
from erasmus_app.store.questions import QuestionTable

_PAGE = 200

Phrases = Mapping[str, Mapping[str, Sequence[str]]]
"""Language, intent, wordings."""


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print the phrases of one HEI or of all, a language after the other."""
    heis = [HeiId(given.hei)] if given.hei else sorted(load_heis(settings.ewp_heis))
    found: list[KeptQuestion] = []
    async with opened(settings) as database:
        table = QuestionTable(database, load_purposes(catalogue_folder())[PURPOSE].version)
        for hei in heis:
            place: Place | None = None
            while page := await table.page(
                hei, _PAGE, place, language=given.language, reviewed=True, many=MANY
            ):
                found += page
                last = page[-1]
                place = Place(students=last.students, question_id=last.question_id)
    print(written(phrases_of(found)), end="")
    return 0


def phrases_of(questions: Iterable[KeptQuestion]) -> Phrases:
    """Return what can be taught: whole wordings, of which nothing was taken out or is hidden."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in questions:
        text = shown(each.text, each.unsure)
        if each.verdict is not Verdict.PHRASE or each.intent is None or "[" in text:
            continue
        wordings = found[each.language.partition("-")[0]][each.intent]
        if text not in wordings:
            wordings.append(text)
    return found


def written(phrases: Phrases) -> str:
    """Write phrases as TOML, each language under a comment that names its file."""
    lines: list[str] = []
    for language in sorted(phrases):
        lines.append(f"# {language}.toml")
        for intent, wordings in sorted(phrases[language].items()):
            lines.append(f"{intent} = [")
            # What JSON escapes, TOML's basic strings escape alike.
            lines += [f"    {json.dumps(each, ensure_ascii=False)}," for each in sorted(wordings)]
            lines.append("]")
    return "".join(f"{each}\n" for each in lines)
