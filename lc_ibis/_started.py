"""When this package was imported: what changes on disk from then on is not what a process runs."""

import time

AT = time.time()
