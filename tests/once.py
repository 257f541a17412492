"""What is the same for all tests of a process and takes long each time: done once, or made small.

Each backend that starts reads a dozen RSA keys, which OpenSSL tests for being prime again and
again, opens the hundred and more authorities of this machine seven times over, and reads what it
may say, in every language. In tests that was more than half of what a start took.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc._rfc7517 import pem as joserfc_pem

from erasmus_app.chat import words
from erasmus_app.kit.icu import message
from erasmus_app.notifications import catalogue, explanations
from erasmus_app.push import mail
from ewp import keys as ewp_keys
from sandbox.authority import Authority

READERS = (serialization, ewp_keys, joserfc_pem)
READERS_OF_TEXTS = (catalogue, explanations, mail, words)


def remembering(read: Callable[..., Any]) -> Callable[..., Any]:
    """Read a private key as `read` does, a key that was good once without testing it again.

    What is refused is refused each time, by `read` itself.
    """

    @lru_cache(maxsize=256)
    def known(pem: bytes) -> Any:
        return read(pem, None)

    def reading(data: Any, password: Any = None, *args: Any, **more: Any) -> Any:
        if password is None and type(data) is bytes:
            return known(data)
        return read(data, password, *args, **more)

    return reading


@contextmanager
def done_once(folder: Path) -> Iterator[None]:
    """Keys are tested once, and texts read; this machine has one authority, which signed nothing.

    Processes that tests start have the latter too.
    """
    reading = remembering(serialization.load_pem_private_key)
    machine = Authority.open(folder)
    with pytest.MonkeyPatch.context() as patch:
        for module in READERS:
            patch.setattr(module, "load_pem_private_key", reading)
        text = cache(message)  # what is refused is refused each time
        for reader in READERS_OF_TEXTS:
            patch.setattr(reader, "message", text)
        patch.setenv("SSL_CERT_FILE", str(machine.ca_file))
        patch.setenv("SSL_CERT_DIR", str(folder / "none"))
        yield
