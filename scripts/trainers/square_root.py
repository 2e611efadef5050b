"""Square roots that are the same on every processor.

MKL keeps its bits from one processor to another where MKL_CBWR=COMPATIBLE asks for it (Intel, "Obtaining Numerically
Reproducible Results", developer guide of oneMKL), but not those of its vector library's square root, which torch calls
for float and double on x86: it starts from an approximate instruction that each maker fills in differently, and its
last bit is wrong for one float in six. Adam divides by it. NumPy takes the processor's own square root, which IEEE 754
has correctly rounded. The question: pytorch/pytorch#155552; others who met it: Deep-MI/FastSurfer#892.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

FROM_MKL = {("cpu", "torch.strided", f"torch.float{bits}") for bits in (32, 64)}


def exact(sqrt: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap `torch.Tensor.sqrt` to round correctly where it would ask MKL: any shape, float or double, on a CPU.

    On a GPU, in other types and where a gradient is to flow through it, it stays torch's own.
    """

    def correctly_rounded(tensor: Any) -> Any:
        if tensor.requires_grad or (tensor.device.type, str(tensor.layout), str(tensor.dtype)) not in FROM_MKL:
            return sqrt(tensor)
        root = tensor.clone()
        with np.errstate(invalid="ignore"):  # as torch: that of a negative number is nan, without a word
            np.sqrt(root.numpy(), out=root.numpy())
        return root

    return correctly_rounded
