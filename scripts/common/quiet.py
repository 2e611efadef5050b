"""Keep what fairseq, hydra and ESPnet tell their own developers off a user's screen."""

import logging
import warnings


def libraries() -> None:
    """Silence warnings and log lines below errors, for the rest of this process."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
