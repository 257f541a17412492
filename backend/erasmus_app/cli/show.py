"""What the terminal shows: what universities did, what the backend understood, who was told."""

import asyncio
import sys
import time
from typing import Any

import httpx
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from erasmus_app.cli.phones import HOME, Phone

PUSH_SECONDS = 20.0
WIDTH = 100  # of what is drawn, on a terminal that has it
QUERY = "{ me { mobilities { state whoseMove { party institution { name } } } } }"
QUESTION = '{ ask(question: "Who still has to sign?") { text } }'


def greeting(backend: str) -> Panel:
    """Say where everything is."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("Sign in", f"{backend}/auth/login")
    rows.add_row("", Text("as Inês, Camille, Zofia ...; it leads on to GraphiQL", style="dim"))
    rows.add_row("GraphiQL", f"{backend}/graphql")
    rows.add_row("Ask", QUERY)
    rows.add_row("In words", QUESTION)
    rows.add_row("Operate", f"{backend}/readyz  {backend}/metrics  {backend}/openapi")
    rows.add_row("By hand", "make run ARGS=--step")
    rows.add_row("Faster", 'make run ARGS="--speed 5"')
    rows.add_row("Anew", "make run ARGS=--fresh")
    title = "Erasmus+ App backend, with a small EWP network to play in"
    return Panel(rows, title=title, border_style="blue", width=WIDTH)


class Show:
    """Takes the story's steps one by one, and shows what each led to."""

    def __init__(
        self,
        console: Console,
        http: httpx.AsyncClient,
        backend: str,
        sandbox: dict[str, Any],
        *,
        step: bool,
        pause: float,
    ) -> None:
        """Show on `console`; wait for Enter before each step, or `pause` seconds after it."""
        self._console, self._http, self._backend = console, http, backend
        self._sandbox, self._step, self._pause = sandbox, step, pause
        self._phones: dict[str, Phone] = {}

    async def run(self) -> None:
        """Tell the story to its end, or from where an earlier run left it."""
        story = await self._control("/story")
        if 0 < story["taken"] < story["of"]:
            self._console.print(
                f"[dim]An earlier run came to step {story['taken']} of {story['of']}; "
                "it goes on from there.[/dim]"
            )
        elif story["taken"]:
            self._console.print(
                "[dim]An earlier run told the story to its end; "
                "make run ARGS=--fresh tells it again.[/dim]"
            )
        for student in self._sandbox["students"].values():
            await self._phone(student)
        while True:
            if story["taken"] < story["of"]:
                await self._enter()
            done = await self._control("/story/next")
            if done is None:
                self._console.print("\n[b]The story is told.[/b]")
                return
            story["taken"] = done["number"]
            await self._tell(done)
            if not self._step:
                await asyncio.sleep(self._pause)

    async def _enter(self) -> None:
        if not self._step:
            return
        self._console.print("[dim]Enter: the next step[/dim]", end=" ")
        if sys.stdin.isatty():  # a file, or nothing at all, never lets one wait
            loop, pressed = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(sys.stdin, pressed.set)  # a thread would hold up Ctrl-C
            try:
                await pressed.wait()
            finally:
                loop.remove_reader(sys.stdin)
        sys.stdin.readline()

    async def _tell(self, done: dict[str, Any]) -> None:
        self._console.print()
        title = Text(f" {done['number']}/{done['of']}  {done['title']} ", style="bold reverse")
        self._console.print(title)
        for line in done["lines"]:
            self._line("universities", line, "cyan")
        phone = self._phones[done["student"]]
        began = time.monotonic()
        pushes = await self._control(
            "/phones/wait", fid=phone.fid, known=phone.seen, seconds=PUSH_SECONDS
        )
        took = time.monotonic() - began
        phone.seen += len(pushes)
        me = (await phone.ask(self._http, HOME))["me"]
        for each in me["mobilities"]:
            self._line("backend", _understood(each), "green")
        for push in pushes:
            messages = me["inbox"]["nodes"]
            latest = messages[0]["body"] if messages else ""
            shown = Text.assemble((push["title"], "bold"), f"\n{push['body']}\n\n")
            shown.append("in the app  ", style="dim").append(latest)
            self._console.print(
                Panel(
                    shown,
                    title=f"{phone.name}'s phone, after {took:.1f} s",
                    title_align="left",
                    border_style="magenta",
                    width=WIDTH,
                )
            )
        if pushes:
            shown_there = await self._control(
                "/browsers/wait", browser=phone.browser, known=phone.shown, seconds=PUSH_SECONDS
            )
            phone.shown += len(shown_there)
            for each in shown_there:
                self._line("browser", f"{each['title']} (web push)", "magenta")
        else:
            self._line("phone", f"nothing came in {PUSH_SECONDS:.0f} s", "red")

    def _line(self, who: str, what: RenderableType, color: str) -> None:
        row = Table.grid(padding=(0, 2))
        row.add_column(width=12, style=color, no_wrap=True)
        row.add_column(max_width=WIDTH - 14)
        row.add_row(who, what)
        self._console.print(row)

    async def _phone(self, student: dict[str, str]) -> None:
        fid = (await self._control("/phones"))["fid"]
        phone = Phone(
            key=student["key"],
            name=student["name"],
            fid=fid,
            language=student["language"],
            backend=self._backend,
        )
        await phone.sign_in(self._http, self._sandbox["app_link"])
        await phone.register(self._http)
        key = await phone.push_key(self._http)
        browser = await self._control("/browsers", server_key=key)
        await phone.register_browser(self._http, browser["subscription"])
        phone.browser = browser["browser"]
        self._phones[phone.key] = phone

    async def _control(self, path: str, **given: Any) -> Any:
        answer = await self._http.post(f"{self._sandbox['control']}{path}", json=given or {})
        return answer.raise_for_status().json()


def _understood(mobility: dict[str, Any]) -> Text:
    """Say in one line what the record shows."""
    agreement, move = mobility["learningAgreement"], mobility["whoseMove"]
    who = {"STUDENT": "the student", "NOBODY": "nobody"}.get(move["party"])
    who = who or (move["institution"] or {}).get("name") or move["party"]
    contact = f", {move['contact']['email']}" if move["contact"] else ""
    ends = (mobility["sendingInstitution"]["name"], mobility["receivingInstitution"]["name"])
    return Text.assemble(
        f"{ends[0]} → {ends[1]}\n",
        (_words(mobility["state"]), "bold"),
        "; agreement ",
        (_words(agreement["state"]), "bold"),
        "; next move: ",
        (f"{who}{contact}", "bold"),
    )


def _words(code: str) -> str:
    return code.replace("_", " ").lower()
