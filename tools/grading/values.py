"""Values that a submission sends, read without trust: numbers, texts, lists, arrays.

JSON only, no pickle. An array is bytes with a kind and a shape, all of which must agree.
"""

from __future__ import annotations

import base64
import builtins
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

DEPTH = 20
DIMENSIONS = 8
LARGEST = 18 << 20  # bytes of an array; one without an element counts its other dimensions
NUMBERS = re.compile(r"[<>|][biuf][1248]")  # truth values, whole numbers and floats


class Other:
    """Something that is no value: a check says what it cannot do with it."""


def read(sent: Any, function: Callable[[int], Any], arguments: Sequence[Any] = ()) -> Any:
    """A value, as it was in the submission.

    Args:
        sent: what JSON gave.
        function: makes a stand-in for the submission's function of that number.
        arguments: those of the call that returned it.

    Raises:
        ValueError: if it is not a value.
    """
    return _read(sent, function, arguments, DEPTH)


def _read(sent: Any, function: Callable[[int], Any], arguments: Sequence[Any], depth: int) -> Any:
    if sent is None or isinstance(sent, (bool, int, float, str)):
        return sent
    if depth == 0:
        raise ValueError(f"lists in lists in lists, more than {DEPTH} deep")
    if not isinstance(sent, dict) or len(sent) != 1:
        raise ValueError("that is no value")
    ((kind, content),) = sent.items()
    if kind in ("tuple", "list") and isinstance(content, list):
        parts = (_read(part, function, arguments, depth - 1) for part in content)
        return tuple(parts) if kind == "tuple" else list(parts)
    if kind == "tensor":
        return torch.from_numpy(array(content))
    if kind == "array":
        values = array(content)
        return values if values.shape else values[()]
    if kind == "ellipsis":
        return ...
    if kind == "function" and isinstance(content, int):
        return function(content)
    if kind == "argument" and isinstance(content, int) and 0 <= content < len(arguments):
        return arguments[content]
    if kind == "other" and isinstance(content, str):
        return type(_identifier(content, "object"), (Other,), {})()
    raise ValueError("that is no value")


def array(sent: Any) -> np.ndarray[Any, Any]:
    """An array of numbers.

    Raises:
        ValueError: if its kind is not one of numbers, or its bytes do not fit its shape.
    """
    try:
        name, shape = str(sent["kind"]), [int(length) for length in sent["shape"]]
        data = base64.b64decode(sent["data"], validate=True)
    except Exception as error:
        raise ValueError("that is no array") from error
    if not NUMBERS.fullmatch(name):
        raise ValueError(f"an array of {name[:20]} is not one of numbers")
    kind = np.dtype(name)
    if len(shape) > DIMENSIONS or min(shape, default=0) < 0:
        raise ValueError(f"an array has at most {DIMENSIONS} dimensions")
    if math.prod(max(length, 1) for length in shape) * kind.itemsize > LARGEST:
        raise ValueError("an array as large as that cannot be sent")
    if len(data) != math.prod(shape) * kind.itemsize:
        raise ValueError("the bytes of an array do not fit its shape")
    if kind.kind == "b":  # bytes other than 0 and 1 would be truth values of their own
        return np.frombuffer(data, dtype="u1").reshape(shape) != 0
    return np.frombuffer(data, dtype=kind).reshape(shape).astype(kind.newbyteorder("="))


def change(argument: Any, image: Any) -> None:
    """Let an argument be what the submission's function made of it.

    Raises:
        ValueError: if that does not fit the argument.
    """
    try:
        with torch.no_grad():
            if isinstance(argument, torch.Tensor):
                argument.copy_(torch.from_numpy(array(image)).view(argument.shape))
            elif isinstance(argument, torch.nn.Module):
                _change_module(argument, image)
    except Exception as error:
        raise ValueError("your function changed an argument in a way that does not fit") from error


def _change_module(module: torch.nn.Module, image: Any) -> None:
    state = module.state_dict()
    for name, part in image["state"].items():
        state[name].copy_(torch.from_numpy(array(part)).view(state[name].shape))
    parameters, parts = dict(module.named_parameters()), dict(module.named_modules())
    for name, needed in image["requires_grad"].items():
        parameters[name].requires_grad_(needed is True)
    for name, training in image["training"].items():
        parts[name].training = training is True


def raised(name: str, message: str) -> Exception:
    """An error of the submission's code: a built-in one, or one that looks alike."""
    known = getattr(builtins, name, None)
    if not (isinstance(known, type) and issubclass(known, Exception)):
        known = Exception
    if known is Exception or issubclass(known, UnicodeError):  # those need more than a message
        known = type(_identifier(name, "Error"), (Exception,), {})
    error: Exception = known(message)
    return error


def _identifier(text: str, otherwise: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_]\w{0,60}", text) else otherwise
