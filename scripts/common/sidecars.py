"""Each product has a sidecar .json beside it: its digest, what it was made from, and how.

It repeats what the products above it were made from. So it vouches for them where they were deleted to save space.
"""

from pathlib import Path
from typing import Any

from scripts.common import files
from scripts.common.errors import StepError

FORMAT = 2  # of sidecars and of what is digested in them: scripts.reruns.adopt takes over what another release has made
IDENTITY = ("format", "sha256", "digest", "epochs", "made_from")  # what a product below repeats


def path_of(product: Path) -> Path:
    """Where the sidecar of a file or folder lies."""
    return product.with_suffix(".json")


def card(made_from: dict[str, Any], above: tuple[Path, ...] = (), **facts: Any) -> dict[str, Any]:
    """What a sidecar holds. `above`: the products that this one was made from, as paths from the working directory."""
    return {**facts, "format": FORMAT, "made_from": made_from, "above": _vouch(above)}


def write(product: Path, made_from: dict[str, Any], above: tuple[Path, ...] = (), **facts: Any) -> None:
    """Vouch for a file's bytes, and say what they were made from and how. Of a folder, `facts` hold the digest."""
    own = {"sha256": files.sha256(product)} if product.is_file() else {}
    files.write_json(path_of(product), card(made_from, above, **own, **facts))


def read(product: Path) -> dict[str, Any]:
    """What the sidecar of a product says; nothing of a hand-made one."""
    return files.read_json(path_of(product)) if path_of(product).exists() else {}


def _vouch(above: tuple[Path, ...]) -> dict[str, Any]:
    """The identities of these products, by their paths, and of all above them. A hand-made one has no sidecar."""
    found: dict[str, Any] = {}
    for product in above:
        if path_of(product).exists():
            facts = files.read_json(path_of(product))
            found |= facts.get("above", {})
            found[str(product)] = {key: facts[key] for key in IDENTITY if key in facts}
    return found


def verified(product: Path) -> dict[str, Any]:
    """The sidecar of a file whose bytes it vouches for: unpickling runs code, so look first.

    Raises StepError where they differ or there is none.
    """
    sidecar = path_of(product)
    if not sidecar.exists():
        raise StepError(f"{product} has no sidecar {sidecar.name}: remake both")
    facts = files.read_json(sidecar)
    if files.sha256(product) != facts["sha256"]:
        raise StepError(f"{product} is not the file that {sidecar.name} describes (sha256): remake or restore it")
    return facts
