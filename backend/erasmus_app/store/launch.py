"""Start a server as a child that cannot outlive us, and never as root.

    python -m erasmus_app.store.launch SIGNAL UID GID COMMAND ...

Becomes COMMAND. On Linux the kernel sends SIGNAL when the parent dies (`kill -9` included). Where
the program runs as root the child drops to UID and GID; if that user may not walk into the folders
that it needs (a checkout under /root, say), it keeps the one capability that lets it, rather than
any file mode being changed. Standard library only: this runs before anything else.
"""

import ctypes
import os
import signal
import struct
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Drop what is too much, arrange for the end, become the server."""
    death, uid, gid, command = (
        int(arguments[0]),
        int(arguments[1]),
        int(arguments[2]),
        arguments[3:],
    )
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if os.geteuid() == 0:
        if libc is not None:
            libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if libc is not None:
            _keep_one_capability(libc)
    if libc is not None:  # after setuid, which clears it
        libc.prctl(PR_SET_PDEATHSIG, death, 0, 0, 0)
        if os.getppid() != parent:  # the parent died in between
            os.kill(os.getpid(), signal.SIGKILL)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _keep_one_capability(libc: ctypes.CDLL) -> None:
    """Keep CAP_DAC_OVERRIDE and nothing else; without it where the system does not allow it."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    bit = 1 << CAP_DAC_OVERRIDE
    data = struct.pack("=6I", bit, bit, bit, 0, 0, 0)
    if libc.capset(header, data) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    else:
        libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
