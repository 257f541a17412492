"""Settings: read once, by name, from the environment and an optional TOML file.

`ERASMUS_APP_DATA_DIR` in the environment is `data_dir` in the file that `ERASMUS_APP_CONFIG` names;
the environment wins. What is a secret may stand in a file of its own, which
`ERASMUS_APP_DATABASE_URL_FILE` names. A name that does not exist stops the start, and so does a
value that cannot be right, each with one line that names it and never shows a secret.
"""

from erasmus_app.settings.heis import load_heis
from erasmus_app.settings.model import LOOPBACK_NAMES, PREFIX, FcmTransport, Settings
from erasmus_app.settings.reading import load_settings

__all__ = ["LOOPBACK_NAMES", "PREFIX", "FcmTransport", "Settings", "load_heis", "load_settings"]
