"""A SIGTERM that comes at any moment ends Snakemake."""

import signal
import threading


# Snakemake's own handler waits for a lock of the scheduler's. The signal is handled by the very thread that may hold it
# (as it looks what stands below a finished checkpoint), and would then wait for itself for ever. Another thread waits
# until the lock is free. It cannot be set before Snakemake has set its own.
onstart:
    ends = signal.getsignal(signal.SIGTERM)
    if callable(ends):
        signal.signal(signal.SIGTERM, lambda *got: threading.Thread(target=ends, args=got).start())
