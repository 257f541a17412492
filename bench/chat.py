"""What is understood: by language, with the bands, on phrases that the head has not seen.

`python bench/chat.py [--questions FILE] [--quick]`. Prints, for the head over embeddings and for
the lexical one:

* five-fold held out: each fold's phrases are asked of a head that was taught without the phrases at
  these places of any language's list;
* `questions/`, a set in twenty languages that no head has seen, asked of the heads as they are
  shipped;
* the same of FILE (`../shared/product/questions.jsonl`: lang, question, intent), if it is there;
* the three rates of the band rule over all that was asked: wrong answers (of what has an intent),
  deferred (the menu, though there is one), off-topic answered (of what has none);
* CPU time a question (which another process does not lengthen), wall time, and memory;
* the whole way, `POST /chat` over a socket (`chat_whole.py`; `--whole N` questions, 0: not at all).
"""

import argparse
import json
import statistics
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

from measuring import peak_memory

from erasmus_nlu import Band, Choice, Nlu, WeightsMissing, open_lexical, open_nlu
from erasmus_nlu.phrasebook import read_phrases
from erasmus_nlu.understanding import OUT_OF_SCOPE, banded
from erasmus_nlu.weights import find

UNSEEN = Path(__file__).parent / "questions"
QUESTIONS = Path(__file__).parents[2] / "shared" / "product" / "questions.jsonl"


class Case(NamedTuple):
    language: str
    intent: str
    band: Band
    choices: tuple[str, ...]

    @property
    def verdict(self) -> str:
        off = self.intent == OUT_OF_SCOPE
        if self.band is Band.MENU:
            return "right" if off else "deferred"
        if off:
            return "off-topic answered" if self.band is Band.ANSWER else "off-topic offered"
        if self.intent in self.choices:
            return "right" if self.band is Band.ANSWER else "offered"
        return "wrong" if self.band is Band.ANSWER else "offered wrongly"


VERDICTS = ["right", "offered", "deferred", "offered wrongly", "wrong"]
VERDICTS += ["off-topic offered", "off-topic answered"]


def show(title: str, cases: list[Case]) -> None:
    by_language = defaultdict(list)
    for case in cases:
        by_language[case.language].append(case.verdict)
    everything = [verdict for found in by_language.values() for verdict in found]
    print(f"\n{title}")
    print(f"{'':4}{'asked':>7}" + "".join(f"{name:>20}" for name in VERDICTS))
    for language, found in [*sorted(by_language.items()), ("all", everything)]:
        counts = [found.count(name) for name in VERDICTS]
        print(
            f"{language:4}{len(found):7}"
            + "".join(f"{count:11} {count / len(found):7.1%} " for count in counts)
        )
    rates(cases)


def rates(cases: Iterable[Case]) -> None:
    """Print the three rates by which the bands are judged."""
    ours, strange = list[str](), list[str]()
    for case in cases:
        (strange if case.intent == OUT_OF_SCOPE else ours).append(case.verdict)
    for name, found, of in (
        ("wrong answers", ours.count("wrong"), ours),
        ("deferred", ours.count("deferred"), ours),
        ("right or offered", ours.count("right") + ours.count("offered"), ours),
        ("off-topic answered", strange.count("off-topic answered"), strange),
        ("off-topic refused", strange.count("right"), strange),
    ):
        share = f"{found / len(of):.1%}" if of else "-"
        print(f"  {name:20} {found:5} of {len(of):5}  {share}")


def held_out(kind: str) -> list[Case]:
    """Ask each phrase of a head that has not seen its fold."""
    from erasmus_nlu import making
    from erasmus_nlu.encoder import open_encoder
    from erasmus_nlu.training import softmax

    phrases = read_phrases()
    rows, intents = making.rows_of(phrases), list(phrases["en"])
    features = making.looks_of(rows) if kind == "lexical" else None
    features = features or making.meanings(rows, open_encoder(find()))
    _, scores = making.taught(features, rows, intents)
    cases = []
    for row, found in zip(rows, softmax(scores).tolist(), strict=True):
        ranked = sorted(map(Choice, intents, found), key=lambda each: -each.probability)
        band, choices = banded(ranked)
        cases.append(Case(row.language, row.intent, band, tuple(c.intent for c in choices)))
    return cases


class Question(NamedTuple):
    language: str
    intent: str
    text: str


def unseen() -> list[Question]:
    return [
        Question(path.stem, intent, text)
        for path in sorted(UNSEEN.glob("*.toml"))
        for intent, texts in tomllib.loads(path.read_text()).items()
        for text in texts
    ]


def in_file(path: Path) -> list[Question]:
    lines = map(json.loads, path.read_text().splitlines())
    return [Question(each["lang"], each["intent"], each["question"]) for each in lines]


def asked(nlu: Nlu, questions: list[Question]) -> list[Case]:
    cases = []
    for each in questions:
        found = nlu.understand(each.text)
        names = tuple(choice.intent for choice in found.choices)
        cases.append(Case(each.language, each.intent, found.band, names))
    return cases


def timed(nlu: Nlu, texts: list[str]) -> None:
    cpu, wall = [], []
    for text in texts:
        started, at = time.process_time(), time.perf_counter()
        nlu.understand(text, "en")
        cpu.append(1e3 * (time.process_time() - started))
        wall.append(1e3 * (time.perf_counter() - at))
    for name, found in (("CPU", cpu), ("wall", wall)):
        cuts = statistics.quantiles(found, n=20)
        print(
            f"  {name:5} p50 {cuts[9]:6.1f} ms   p95 {cuts[18]:6.1f} ms   most {max(found):6.1f} ms"
        )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--questions", type=Path, default=QUESTIONS)
    arguments.add_argument("--quick", action="store_true", help="leave out what needs teaching")
    arguments.add_argument("--whole", type=int, default=400, help="questions over HTTP; 0: none")
    chosen = arguments.parse_args()
    ours = unseen()
    sets = {"questions that no head has seen": ours}
    if chosen.questions.is_file():
        sets[chosen.questions.name] = in_file(chosen.questions)
    else:
        print(f"{chosen.questions} is not there: its questions are left out")
    before = peak_memory()
    openers = {"lexical": open_lexical}
    try:
        find()
        openers["e5"] = open_nlu
    except WeightsMissing as missing:
        print(missing)
    for kind, opened in openers.items():
        at = time.perf_counter()
        nlu = opened()
        print(f"\n== {nlu.version}: opened in {time.perf_counter() - at:.1f} s")
        timed(nlu, [each.text for each in ours[::6]])
        print(f"  {(peak_memory() - before) / 1e6:.0f} MB at most, more than before")
        for name, questions in sets.items():
            show(f"{name} ({kind})", asked(nlu, questions))
        if not chosen.quick:
            show(f"phrases held out, five folds ({kind})", held_out(kind))
    if chosen.whole:
        from chat_whole import run  # the application, which all of the above does without

        run(chosen.whole)


if __name__ == "__main__":
    sys.exit(main())
