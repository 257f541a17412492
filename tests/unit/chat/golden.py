"""The texts of answers as somebody has read them; as a command, writes them anew."""

import tomllib
from pathlib import Path

from unit.chat.asking import asked
from unit.chat.records import records

PATH = Path(__file__).parents[2] / "samples" / "chat" / "answers.toml"

ASKED = {
    "nobody": "la_status tor_wait login grant_first urgent ambiguous out_of_scope",
    "nominated": "status_overview deadlines_all nomination_status nomination_rejected "
    "nomination_deadline application_deadline decision_wait requirements_docs "
    "language_requirement la_fill_help la_before_deadline cancel ambiguous out_of_scope "
    "bip destinations",
    "nominated, nothing published": "application_deadline requirements_docs language_requirement "
    "nomination_deadline housing courses contact",
    "accepted": "nomination_status la_status contact visa",
    "refused": "status_overview nomination_status nomination_rejected deadlines_all",
    "cancelled": "status_overview la_status deadlines_all",
    "agreement waits": "status_overview la_status la_before_deadline la_contact_wrong la_rejected",
    "sent back": "la_rejected la_status status_overview",
    "abroad": "status_overview deadlines_all la_status la_change la_change_deadline "
    "la_change_late language_requirement arrival_confirm attendance_certificate tor_wait "
    "recognition grant_first grant_balance grant_recalc grant_topup report_survey extension "
    "early_return ols_test housing visa insurance accessibility contact courses esc_card "
    "login notifications privacy other_person prompt_injection urgent",
    "change waits": "la_status la_change_deadline",
    "back": "tor_wait attendance_certificate status_overview extension",
    "graded": "tor_wait recognition status_overview deadlines_all",
    "recognised": "recognition tor_wait status_overview",
    "trainee": "traineeship la_status tor_wait status_overview",
    "two": "la_status tor_wait status_overview deadlines_all ambiguous",
}
CASES = [(record, intent) for record, intents in ASKED.items() for intent in intents.split()]


def read() -> dict[tuple[str, str], str]:
    """Return the texts by record and intent."""
    tables = tomllib.loads(PATH.read_text(encoding="utf-8"))
    return {
        (record, intent): text for record, texts in tables.items() for intent, text in texts.items()
    }


def main() -> None:
    """Write what is answered now."""
    known = records()
    blocks = ["# Answers in English, by record (tests/unit/chat/records.py) and intent."]
    for record, intents in ASKED.items():
        blocks.append(f'\n["{record}"]')
        for intent in intents.split():
            text = asked(known[record], intent).text
            blocks.append(f"{intent} = '''\n{text}'''")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text("\n".join(blocks) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
