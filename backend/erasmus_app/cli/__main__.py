"""`python -m erasmus_app.cli`, for where the script is not on the path."""

import sys

from erasmus_app.cli import main

sys.exit(main())
