"""A CAD module whose import never ends where it would be run; where modules are listed, it loads."""

import multiprocessing
import time

from tools.faulting.zoo import IMPORTS_FOREVER

MODULE = IMPORTS_FOREVER

while multiprocessing.current_process().name.startswith("cad-worker"):
    time.sleep(60)
