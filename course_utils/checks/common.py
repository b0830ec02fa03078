"""What the checks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class NotAttempted(Exception):
    """The exercise's stub is untouched: it returns nothing."""


def attempted(result: Any) -> Any:
    """The result of a learner's function, if there is one.

    Raises:
        NotAttempted: if it is ``None`` or ``...``, as from an untouched stub.

    Example:
        >>> attempted(3)
        3
    """
    if result is None or result is ...:
        raise NotAttempted
    return result


def as_tensor(result: Any) -> Tensor:
    """A learner's number, list, array or tensor as a float64 tensor.

    Raises:
        NotAttempted: as ``attempted``.

    Example:
        >>> as_tensor([1, 2])
        tensor([1., 2.], dtype=torch.float64)
    """
    return torch.as_tensor(attempted(result)).detach().double()
