"""One thread for numpy's linear algebra.

The matrices of a short question are small: a second thread costs more than it brings (measured:
54 ms instead of 20 ms a question), and an API process has other work for the second core. OpenBLAS
reads its environment once, when numpy is first imported, which may long have happened: its own
switch works at any time.
"""

import ctypes
import os
from pathlib import Path

import numpy as np


def one_thread() -> bool:
    """Set OpenBLAS, as numpy's wheels bring it, to one thread; return whether it was found."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            library = ctypes.CDLL(str(path))
            for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
                if switch := getattr(library, name, None):
                    switch(ctypes.c_int(1))
                    return True
    return False
