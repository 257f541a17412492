"""Become a server that cannot outlive its parent, and never as root.

    python -IS launch.py PLAN COMMAND ...

PLAN is JSON: `parent` (its process id), `death` (the signal to receive when it dies, on Linux),
`user` (uid and gid to drop to, or null), `needs` (what that user must be able to read) and `home`
(the server's folder). Where the user may not walk into a folder on the way (a checkout under /root,
say), the server keeps CAP_DAC_READ_SEARCH on Linux, the one capability that lets it, rather than
any file mode being changed. Standard library only: this runs before anything else.
"""

import ctypes
import json
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2  # also lets access(2) see what the capability allows
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


def main(plan: dict[str, Any], command: list[str]) -> None:
    """Drop what is too much, arrange for the end, become the server."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if plan["user"] is not None:
        uid, gid = plan["user"]
        blocked = drop(uid, gid, [Path(each) for each in plan["needs"]], libc)
        if blocked is not None:
            sys.exit(_advice(uid, blocked, Path(plan["home"])))
    if libc is not None:  # after setuid, which clears it
        libc.prctl(PR_SET_PDEATHSIG, plan["death"], 0, 0, 0)
    if os.getppid() != plan["parent"]:
        sys.exit("the program that asked for this server is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def drop(uid: int, gid: int, needs: Sequence[Path], libc: ctypes.CDLL | None) -> Path | None:
    """Give up root for good. Returns the folder that `uid` may not enter and must, if any."""
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    blocked = _blocked(needs)
    os.seteuid(0)
    os.setegid(0)
    keeps = blocked is not None and libc is not None
    if keeps and libc is not None:
        keeps = libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
    os.setgid(gid)
    os.setuid(uid)
    if keeps and libc is not None:
        header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
        bit = 1 << CAP_DAC_READ_SEARCH
        if libc.capset(header, struct.pack("=6I", bit, bit, bit, 0, 0, 0)) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)
            return _blocked(needs)
        libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0))
    return blocked


def _blocked(needs: Sequence[Path]) -> Path | None:
    for path in needs:
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            for folder in reversed(path.parents):
                try:
                    os.stat(f"{folder}/.")  # noqa: PTH116 - a Path would lose the dot
                except PermissionError:
                    return folder
            return path
    return None


def _advice(uid: int, blocked: Path, home: Path) -> str:
    way_out = (
        "set ERASMUS_APP_DATA_DIR to a folder that everybody may enter"
        if blocked == home or blocked in home.parents
        else "install the program where everybody may read it, or run it as an ordinary user"
    )
    return f"user {uid}, who runs the server as root must not, may not enter {blocked}; {way_out}"


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
