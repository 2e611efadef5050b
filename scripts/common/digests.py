"""Short digests that name what something was made from."""

import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """12 hexadecimal digits for a JSON-like value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
