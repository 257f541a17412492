"""The one command for everything: `erasmus-app`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

from erasmus_app.errors import AppError
from erasmus_app.kit.collector import hold
from erasmus_app.settings import load_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status. What is wrong with a setting is one line."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except AppError as error:
        print(f"erasmus-app: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        if given.command == "run":  # which is how it ends, and make need not call it an error
            print("\nAll of it has stopped; the data stay for the next run.")
            return 0
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="erasmus-app",
        description="One record per Erasmus+ student, gathered through Erasmus Without Paper.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="the sandbox network and the backend on this machine")
    run.add_argument("--step", action="store_true", help="wait for Enter before each step")
    run.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N", help="N times as fast (default 1)"
    )
    run.add_argument("--fresh", action="store_true", help="forget what earlier runs left")
    run.add_argument(
        "--no-wait", action="store_true", help="stop after the last step instead of staying up"
    )

    for name, text in (
        ("api", "serve the API (GraphQL, login, EWP host)"),
        ("worker", "fetch, merge, poll and push"),
    ):
        process = commands.add_parser(name, help=text)
        process.add_argument(
            "--until-stdin-closes",
            action="store_true",
            help="end also when standard input does, as when who started it was killed",
        )

    db = commands.add_parser("db", help="the database").add_subparsers(dest="what", required=True)
    db.add_parser("upgrade", help="bring the tables up to date")
    db.add_parser("status", help="of which version are they, and what is missing? status 1 if any")
    db.add_parser("new-key", help="print a line for the file of data keys")
    db.add_parser(
        "rotate-keys", help="seal personal data anew with the first data key; may be broken off"
    )

    partition = db.add_parser(
        "partition", help="partition the tables that grow with students, while nothing else runs"
    )
    partition.add_argument("--parts", type=int, default=16, metavar="N", help="of each; 16")

    config = commands.add_parser("config", help="the settings, and the files that they name")
    checking = config.add_subparsers(dest="what", required=True, metavar="COMMAND").add_parser(
        "check", help="a line for each thing that is wrong; status 1 if anything is"
    )
    checking.add_argument(
        "--connect", action="store_true", help="also reach the engines and services named"
    )

    healthy = commands.add_parser("healthy", help="is a process well? for health checks")
    healthy.add_argument("url", metavar="URL", help="as http://127.0.0.1:8000/livez")

    _student(commands.add_parser("student", help="what is held of a student: export, erase"))

    _chat(commands.add_parser("chat", help="what was asked in vain, for the understanding"))
    _rules(commands.add_parser("rules", help="rules of deadlines that covered HEIs set"))

    data = commands.add_parser("data", help="how long what is kept")
    retain = data.add_subparsers(dest="what", required=True, metavar="COMMAND").add_parser(
        "retain", help="delete what is over, as the worker does by itself"
    )
    retain.add_argument("--dry-run", action="store_true", help="only count what would go")

    _dead(
        commands.add_parser("dead", help="jobs that were given up: list, replay, discard"),
        "job",
        int,
    )
    _dead(
        commands.add_parser("deliveries", help="deliveries that failed: list, replay, discard"),
        "delivery",
        UUID,
    )

    _webhooks(commands.add_parser("webhooks", help="what universities' own apps were told"))

    _ewp(commands.add_parser("ewp", help="the EWP network: look, call, check"))

    for name, text in (
        ("schema", "the GraphQL schema"),
        ("openapi", "the OpenAPI document"),
        ("access", "who may have which field and route"),
        ("documents", "the app's operations as trusted documents, from graphql/operations"),
    ):
        export = commands.add_parser(name, help=text).add_subparsers(dest="what", required=True)
        into = export.add_parser("export", help=f"write {text} to a file, else to the terminal")
        into.add_argument("file", nargs="?", type=Path)
    return parser


def _student(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    about = argparse.ArgumentParser(add_help=False)
    about.add_argument("who", metavar="WHO", help="an account id or an ESI")
    about.add_argument(
        "--by", metavar="NAME", help="who you are, for the access log; your user name if left out"
    )
    export = commands.add_parser(
        "export", parents=[about], help="write an archive of everything that is held"
    )
    export.add_argument("--output", type=Path, metavar="FILE.zip", help="a new file")
    export.add_argument("--language", default="en", metavar="TAG", help="of the page (default en)")
    commands.add_parser("access", parents=[about], help="who looked at the student's data")
    commands.add_parser("consents", parents=[about], help="what the student allowed, and when")
    erase = commands.add_parser(
        "erase", parents=[about], help="erase everything, and print the certificate"
    )
    how = erase.add_mutually_exclusive_group(required=True)
    how.add_argument("--now", action="store_true", help="at once; there is no way back")
    how.add_argument("--dry-run", action="store_true", help="only count what would go")


def _chat(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    questions = commands.add_parser(
        "questions", help="print the phrases that coordinators found, as TOML"
    )
    questions.add_argument("hei", nargs="?", metavar="HEI", help="of one HEI; of all if left out")
    questions.add_argument("--language", metavar="TAG", help="in one language")


def _rules(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="what there is, a line each")
    listing.add_argument("hei", nargs="?", metavar="HEI", help="of one HEI; of all if left out")
    listing.add_argument("--all", action="store_true", help="ended ones and every version as well")
    for name, text in (
        ("check", "what is wrong with a file? status 1 if anything is; needs no database"),
        ("import", "set all rules of a file, or none; those that are there get a next version"),
    ):
        commands.add_parser(name, help=text).add_argument("file", type=Path, metavar="FILE.toml")


def _dead(parser: argparse.ArgumentParser, one: str, id_of: Callable[[str], object]) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--kind", metavar="KIND", help="of one kind")
    which.add_argument("--code", metavar="CODE", help="for which this was the reason")
    if one == "delivery":
        which.add_argument("--channel", metavar="CHANNEL", help="fcm, web_push, ...")
    which.add_argument("--older-than", type=_days, metavar="DAYS", help="for longer than this")

    listing = commands.add_parser("list", parents=[which], help="how many, by kind and code")
    listing.add_argument("--each", action="store_true", help="a line for each, the last first")
    listing.set_defaults(id=None)
    show = commands.add_parser("show", help=f"one {one}; nothing of it is a student's")
    show.add_argument("id", type=id_of, metavar=one.upper())
    show.set_defaults(kind=None, code=None, channel=None, older_than=None)
    for name, text in (
        ("replay", "once more, with all attempts"),
        ("discard", "for good; there is no way back"),
    ):
        doing = commands.add_parser(name, parents=[which], help=text)
        doing.add_argument("id", type=id_of, metavar=one.upper(), nargs="?", help="one alone")
        doing.add_argument("--all", action="store_true", help="all there are")
        doing.add_argument("--dry-run", action="store_true", help="only count what is meant")
        doing.add_argument(
            "--by", metavar="NAME", help="who you are, for the log; your user name if left out"
        )
    commands.add_parser("log", help="who replayed and discarded what, the last first")


def _webhooks(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    commands.add_parser("list", help="how many, by endpoint, state and code")
    commands.add_parser("new-secret", help="print a secret for an endpoint's file")
    for name, text in (
        ("replay", "send again what failed or expired"),
        ("enable", "tell an endpoint again that has said 410"),
    ):
        doing = commands.add_parser(name, help=text)
        doing.add_argument("hei", metavar="HEI")
        doing.add_argument("endpoint", metavar="ENDPOINT", help="its name in the file of HEIs")
        doing.add_argument("--by", metavar="NAME", help="who you are; your user name if left out")
        if name == "replay":
            doing.add_argument("--code", metavar="CODE", help="for which this was the reason")


def _ewp(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="ewp", required=True, metavar="COMMAND")
    acting = argparse.ArgumentParser(add_help=False)
    acting.add_argument("--as", dest="as_hei", metavar="HEI", help="whose key signs the call")
    reading = argparse.ArgumentParser(add_help=False, parents=[acting])
    reading.add_argument("api", metavar="API", help="omobilities, omobility-las, ...")
    reading.add_argument("hei", metavar="HEI", help="whom to ask")
    reading.add_argument("--major", type=int, metavar="N", help="version; the highest if left out")
    reading.add_argument("--xml", action="store_true", help="the answer as it came")

    hei = commands.add_parser("hei", help="what the registry knows of an HEI")
    hei.add_argument("hei", metavar="HEI")
    hei.add_argument("--find", action="store_true", help="search names and Erasmus codes")

    echo = commands.add_parser("echo", parents=[acting], help="does all of security fit?")
    echo.add_argument("hei", metavar="HEI")
    echo.add_argument("values", nargs="*", metavar="VALUE")
    echo.add_argument("--get", action="store_true", help="by GET in place of POST")

    get = commands.add_parser("get", parents=[reading], help="ask for objects by id")
    get.add_argument("ids", nargs="*", metavar="ID")
    index = commands.add_parser("index", parents=[reading], help="ask for ids")
    index.add_argument("parameters", nargs="*", type=_parameter, metavar="NAME=VALUE")
    index.add_argument("--since", type=_moment, metavar="ISO8601", help="only what changed since")

    manifest = commands.add_parser("manifest", help="what we serve for a covered HEI")
    what = manifest.add_mutually_exclusive_group(required=True)
    what.add_argument("hei", metavar="HEI", nargs="?")
    what.add_argument("--check", metavar="URL", help="what would the registry refuse of this one?")

    keys = commands.add_parser("keys", help="RSA keys").add_subparsers(dest="what", required=True)
    new = keys.add_parser("new", help="make a key; prints its fingerprint")
    new.add_argument("file", type=Path, metavar="FILE")
    new.add_argument("--bits", type=int, choices=(2048, 3072, 4096), default=2048)
    show = keys.add_parser("show", help="the fingerprint, and the base64 for a manifest")
    show.add_argument("file", type=Path, metavar="FILE")

    commands.add_parser(
        "feed-token", help="make a token for an HEI's own system, and its hash for the HEI file"
    )

    doctor = commands.add_parser("doctor", help="is everything in place? status 1 if not")
    doctor.add_argument("hei", nargs="?", metavar="HEI", help="one covered HEI; all if left out")
    doctor.add_argument("--partner", action="append", default=[], metavar="HEI")
    doctor.add_argument("--json", action="store_true", help="for machines")


def _parameter(text: str) -> str:
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    return text


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment of ISO 8601") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone; add Z or +01:00")
    return moment.isoformat(timespec="seconds")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= 36500:
        raise argparse.ArgumentTypeError("a number of days")
    return days


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0 < speed <= 1000:
        raise argparse.ArgumentTypeError("a number over 0, at most 1000")
    return speed


def _run(given: argparse.Namespace) -> int:
    # Each command loads what it needs: `schema export` wants no engines, `run` no GraphQL.
    if given.command == "run":
        from erasmus_app.cli.play import play

        return asyncio.run(
            play(step=given.step, speed=given.speed, fresh=given.fresh, stay=not given.no_wait)
        )
    if given.command in {"api", "worker"}:
        hold()
        from erasmus_app.cli import process, serve
        from erasmus_app.telemetry import traces

        settings = load_settings(os.environ)
        if given.until_stdin_closes:
            serve.end_with_stdin()
        run = serve.api if given.command == "api" else serve.worker
        traces.start(given.command, settings.otlp_url, settings.trace_ratio)
        try:
            return process.run(run(settings))
        finally:
            traces.stop()
    if given.command in {"healthy", "config"}:
        return _looking(given)
    if given.command == "db":
        return _on_the_tables(given)
    if given.command in {"student", "data", "dead", "deliveries", "webhooks", "chat"}:
        return _on_the_data(given)
    if given.command == "rules":
        from erasmus_app.cli import process, rules

        if given.what == "check":
            return rules.check(given)
        return process.run(rules.run(given, load_settings(os.environ)))
    if given.command == "ewp":
        from erasmus_app.cli import ewp

        return ewp.run(given)
    from erasmus_app.api import published

    document: str = getattr(published, given.command)()
    if given.file is None:
        sys.stdout.write(document)
    else:
        given.file.write_text(document, encoding="utf-8")
    return 0


def _on_the_tables(given: argparse.Namespace) -> int:
    from erasmus_app.cli import process, tables

    if given.what == "new-key":
        from erasmus_app.store.sealed import new_key

        print(f"data: {new_key()}")
        return 0
    settings = load_settings(os.environ)
    if given.what == "partition":
        return process.run(tables.partition(settings, given.parts))
    work = {"upgrade": tables.upgrade, "status": tables.status}.get(given.what, tables.rotate_keys)
    return process.run(work(settings))


def _looking(given: argparse.Namespace) -> int:
    if given.command == "healthy":
        from erasmus_app.cli import healthy

        return healthy.ask(given.url)
    from erasmus_app.cli import config

    return asyncio.run(config.check(os.environ, connect=given.connect))


def _on_the_data(given: argparse.Namespace) -> int:
    from erasmus_app.cli import chat, data, dead, process, student, webhooks

    if (given.command, given.what) == ("webhooks", "new-secret"):
        return webhooks.new_secret()
    commands = {"student": student.run, "data": data.run, "webhooks": webhooks.run}
    commands["chat"] = chat.run
    command = commands.get(given.command, dead.run)
    return process.run(command(given, load_settings(os.environ)))
