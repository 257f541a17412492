"""Whom outgoing TLS calls trust."""

import ssl
from pathlib import Path

from erasmus_app.errors import SettingsInvalid


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the authorities of this machine, and those of one file beside them.

    Raises:
        SettingsInvalid: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror or type(error).__name__
            raise SettingsInvalid(f"ERASMUS_APP_TLS_CA_FILE: {ca_file}: {why}") from error
    return context
