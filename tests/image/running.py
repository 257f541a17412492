"""What the Dockerfile's steps have made, run as a container engine is told to run it."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from image.dockerfile import Refused, Stage

UP_SECONDS, SETTLED_SECONDS, STORY_SECONDS = 90, 5, 240
END_SECONDS = 30  # an engine of one's own is stopped as well; how long it took is printed
ABSENT = ("pip", "setuptools", "wheel", "ensurepip", "hatchling")


def see_it_run(
    stage: Stage, root: Path, environment: dict[str, str], say: Callable[[str], None]
) -> None:
    """Start what the image starts, ask for its health, and end it. Raises Refused."""
    user, _, group = stage.last("USER").text.partition(":")
    (folder,) = stage.last("VOLUME").exec_form()
    health = stage.last("HEALTHCHECK").text.partition("CMD ")[2]
    inside = Inside(root, int(user), int(group), environment, stage.last("WORKDIR").text)
    inside.shut(folder)
    inside.sees_no_builder()
    inside.writes_only(folder)
    say(f"nothing but {folder} and /tmp can be written, as {user}; no {', '.join(ABSENT)}")
    command = stage.last("CMD").exec_form()
    check: list[str] = json.loads(health)
    with inside.started(command) as api:
        inside.until(check, api, "the api's HEALTHCHECK")
        say(f"{' '.join(command)}: {inside.said(check)}")
        with inside.started(["erasmus-app", "worker"]) as worker:
            inside.until(["erasmus-app", "config", "check"], worker, "config check")
            time.sleep(SETTLED_SECONDS)
            if worker.poll() is not None:
                raise Refused(f"the worker ended by itself: {inside.end_of(worker)}")
            _end(worker, "the worker", say)
        _end(api, "the api", say)
    play = ["erasmus-app", "run", "--no-wait", "--speed", "100"]
    elsewhere = {
        "ERASMUS_APP_DATA_DIR": f"{folder}/play",
        "ERASMUS_APP_LISTEN": "0.0.0.0:8010",
        "SANDBOX_LOGIN": "0.0.0.0:8011",
    }
    with inside.started(play, elsewhere) as story:  # what the profile `sandbox` runs
        try:
            status = story.wait(STORY_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Refused(f"the story has no end: {inside.end_of(story)}") from error
        if status:
            raise Refused(f"the story ended with {status}: {inside.end_of(story)}")
    say("the sandbox's story is told to its end")


class Inside:
    """The image's files, as its processes see them."""

    def __init__(
        self, root: Path, user: int, group: int, environment: dict[str, str], place: str
    ) -> None:
        self._root, self._user, self._group, self._place = root, user, group, place
        self._environment = environment
        self._logs: dict[int, Path] = {}

    def shut(self, folder: str) -> None:
        """Make everything read-only but a volume and /tmp; leave loopback as the only network."""
        data = self._root / folder.lstrip("/")
        for at in (data, self._root / "tmp"):
            status = at.stat()
            options = f"mode={status.st_mode & 0o7777:o},uid={status.st_uid},gid={status.st_gid}"
            _do("mount", "-t", "tmpfs", "-o", options, "tmpfs", at)
        _do("mount", "-o", "remount,ro", self._root)
        _only_loopback()

    def command(self, words: list[str], more: dict[str, str] | None = None) -> list[str]:
        """A command of the image's user, without any right beyond its own."""
        given = self._environment | {"HOME": "/data"} | (more or {})
        named = [f"{name}={value}" for name, value in given.items()]
        return [
            *("chroot", str(self._root), "setpriv"),
            *(f"--reuid={self._user}", f"--regid={self._group}", "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
            *("env", "-i", "-C", self._place, *named, *words),
        ]

    def said(self, words: list[str]) -> str:
        """What a command prints, and Refused where it fails."""
        done = subprocess.run(self.command(words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(f"{' '.join(words)}: {(done.stdout + done.stderr).strip()[-300:]}")
        return done.stdout.strip()

    def sees_no_builder(self) -> None:
        """See that nothing that installs is there, and that all of ours is compiled."""
        absent = f"import importlib.util as u; print(*[n for n in {ABSENT!r} if u.find_spec(n)])"
        uncompiled = (
            "import pathlib, erasmus_app, importlib.util as u\n"
            "for each in pathlib.Path(erasmus_app.__file__).parent.rglob('*.py'):\n"
            "    if not pathlib.Path(u.cache_from_source(each)).is_file(): print(each)\n"
        )
        for python, script in (
            ("/usr/local/bin/python", absent),
            ("python", absent),
            ("python", uncompiled),
        ):
            if found := self.said([python, "-c", script]):
                raise Refused(f"{python}: there is, or is not compiled: {found}")

    def writes_only(self, folder: str) -> None:
        """See where the image's user can write."""
        script = (
            "import os\n"
            "for at, here, _ in os.walk('/'):\n"
            "    here[:] = [h for h in here if at != '/' or h not in ('proc', 'dev', 'sys')]\n"
            "    if os.access(at, os.W_OK): print(at)\n"
        )
        found = set(self.said(["python", "-c", script]).splitlines())
        if found != {folder, "/tmp"}:
            raise Refused(f"can be written: {', '.join(sorted(found))}")

    @contextlib.contextmanager
    def started(
        self, words: list[str], more: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process of the image; it is gone at the end."""
        log = self._root.parent / f"{words[-1]}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(self.command(words, more), stdout=out, stderr=out)
        self._logs[process.pid] = log
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def end_of(self, process: subprocess.Popen[bytes]) -> str:
        """The last that a process has said."""
        return self._logs[process.pid].read_text(errors="replace")[-600:]

    def until(self, words: list[str], process: subprocess.Popen[bytes], what: str) -> None:
        """Wait until a check is passed."""
        began = time.monotonic()
        while subprocess.run(self.command(words), capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() - began > UP_SECONDS:
                raise Refused(f"{what} was not passed: {self.end_of(process)}")
            time.sleep(0.5)


def _end(process: subprocess.Popen[bytes], name: str, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(END_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{name} had not ended {END_SECONDS} s after SIGTERM") from error
    if status:
        raise Refused(f"{name} ended with {status} after SIGTERM")
    say(f"{name} ended {time.monotonic() - began:.1f} s after SIGTERM")


def _only_loopback() -> None:
    """Leave this machine's network for one that has nobody else in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):  # CLONE_NEWNET; os.unshare came with Python 3.12
        raise Refused(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    up = struct.pack("16sH14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def _do(*words: object) -> None:
    subprocess.run([str(each) for each in words], check=True)
