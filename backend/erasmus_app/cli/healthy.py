"""`erasmus-app healthy URL`: what a container's health check runs, without a tool beside Python."""

import http.client
from urllib.parse import urlsplit

SECONDS = 4.0


def ask(url: str) -> int:
    """Ask a process of ours; print its answer's status, and return 0 where that is a good one."""
    try:
        parts = urlsplit(url)
        door = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS)
        try:
            door.request("GET", parts.path or "/livez")
            status = door.getresponse().status
        finally:
            door.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"{url}: {str(error) or type(error).__name__}")
        return 1
    print(f"{url}: {status}")
    return 0 if status == http.client.OK else 1
