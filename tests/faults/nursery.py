"""Workers by the hundred: each is `erasmus-app worker` in a process of its own, forked ready.

A worker that is killed is followed by another within a second; most of what a start costs is
reading the program's code, which has been read here before. Each line on standard input, a file
for the log, is answered with the id of a new worker. They end with this process.
"""

import os
import signal
import sys

import erasmus_app.bootstrap
import erasmus_app.cli.serve  # noqa: F401 - read before the first fork
from erasmus_app.cli import main


def worker(log: str) -> int:
    """Become a worker."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return main(["worker"])


def run() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who have ended
    made: list[int] = []
    for line in iter(sys.stdin.readline, ""):
        if (pid := os.fork()) == 0:
            os._exit(worker(line.strip()))
        made.append(pid)
        os.write(1, f"{pid}\n".encode())
    for pid in made:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    run()
