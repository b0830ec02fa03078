"""What the checks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class NotAttempted(Exception):
    """The exercise's stub is untouched: it returns nothing."""


class NotANumber(Exception):
    """There is a nan in what a learner's function returns; no comparison can be made with it."""


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


def as_tensor(result: Any, lead: str = "") -> Tensor:
    """A learner's number, list, array or tensor as a float64 tensor.

    Args:
        result: what it returned.
        lead: where to look if there is a nan in it.

    Raises:
        NotAttempted: as ``attempted``.
        NotANumber: if it contains nan.

    Example:
        >>> as_tensor([1, 2])
        tensor([1., 2.], dtype=torch.float64)
    """
    tensor = torch.as_tensor(attempted(result)).detach().double()
    if bool(tensor.isnan().any()):
        raise NotANumber(lead)
    return tensor
