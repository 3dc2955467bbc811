"""Every loss as a function of torch's tensors: the value and its gradient in one pass, differentiated by autograd.

>>> import torch
>>> import fastloss.torch as F
>>> logits = torch.zeros(2, 3, requires_grad=True)
>>> F.cross_entropy(logits, torch.tensor([0, 2])).backward()

The losses of `torch.nn.functional` and the modules of `torch.nn` have their names, signatures and conventions here. All
others are functions of the library's own losses by their names, as ``F.multiclass_focal``. `function` makes one of any
loss, as of the user's own, and `module` a module.
"""

from __future__ import annotations

from typing import Any

import fastloss as _fl

from . import functional as _functional
from . import modules as _modules
from . import operators as _operators  # noqa: F401  (what was exported with them asks for them)
from .functional import *  # noqa: F403
from .generated import Module, function, module
from .modules import *  # noqa: F403

__all__ = ["Module", "function", "module"]
__all__ += [*_functional.__all__, *_modules.__all__]


def __getattr__(name: str) -> Any:
    """A function of the loss of that name."""
    loss = getattr(_fl, name, None) if name in _fl.__all__ else None
    if isinstance(loss, type) or not hasattr(loss, "value_and_grad"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_suggested(name)}")
    found = globals()[name] = function(loss)
    return found


def _suggested(name: str) -> str:
    if name.startswith("_"):
        return ""
    from ..losses.names import of_a_face

    return of_a_face(name, _fl, lambda n: None if "." in n else f"{__name__}.{n}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_fl.LOSSES, *_fl.ALIASES, *(n for n in _fl.__all__ if n.endswith("_loss"))})
