"""Whether a validation tells of a collapsed model: one that says the same code for everything.

Negatives that equal the target are left out of the contrast. Where all frames have one code nothing is left to lose
against, so that the loss is 0 and the accuracy 1: better than any model that has learnt something.
"""

from collections.abc import Mapping
from math import isfinite, log2
from typing import Any

from scripts.trainers.fairseq_log import Row

GROUPS, NEGATIVES = 2, 100  # fairseq's own, where a recipe names none
NEAR_THE_FLOOR = 1.5  # codes a group: with one it is at its floor, where the perplexity is the number of groups
TOO_GOOD = 0.5  # of the loss by chance


def quantizer(model: Mapping[str, Any]) -> dict[str, int]:
    """Groups of the codebook and candidates of a target, the right one among them; `model`: the recipe's section."""
    candidates = 1 + (model.get("num_negatives") or NEGATIVES) + (model.get("cross_sample_negatives") or 0)
    return {"groups": model.get("latent_groups") or GROUPS, "candidates": candidates}


def figures(validation: Row | None, model: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a sidecar keeps of the validation of its checkpoint."""
    if validation is None:
        return None
    said = {"loss": validation.loss, "infonce": validation.infonce, "accuracy": validation.accuracy}
    return said | {"code_perplexity": validation.code_perplexity} | quantizer(model)


def is_collapsed(validation: Mapping[str, Any] | None) -> bool:
    """Whether figures of a validation are those of a collapsed model; not where they are not known.

    They are where next to no codes are in use and the loss is far below chance for all that, and where it is no number.
    """
    if not validation or validation["loss"] is None:
        return False
    if not isfinite(validation["loss"]):
        return True
    perplexity = validation["code_perplexity"]
    loss = validation["loss"] if validation["infonce"] is None else validation["infonce"]
    few = perplexity is not None and perplexity < NEAR_THE_FLOOR * validation["groups"]
    return few and loss < TOO_GOOD * log2(validation["candidates"])
