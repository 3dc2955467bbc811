"""The names of the functions of `fastloss.math`, and what others call them."""

from __future__ import annotations

import sys
from difflib import get_close_matches

NAMES = (
    "absolute", "asinh", "atan", "cbrt", "clip", "cos", "cosh", "e", "erf", "erfc", "exp", "expm1", "inf", "lgamma",
    "log", "log1mexp", "log1p", "log_cosh", "log_sigmoid", "logaddexp", "maximum", "minimum", "nan", "pi", "pow",
    "sigmoid", "sign", "sin", "sinh", "smooth_abs", "softplus", "sqrt", "square", "tanh", "times_exp", "where", "xlogy",
)  # fmt: skip

_LIBRARIES = frozenset(["math", "numpy", "scipy", "torch", "jax"])

_HOMES = (
    "math", "numpy", "scipy.special", "torch", "torch.special", "torch.nn.functional",
    "jax.nn", "jax.numpy", "jax.scipy.special",
)  # fmt: skip
"""Modules whose functions of these names mean the same; jax.lax.clamp and scipy.signal.square do not."""

_ELSEWHERE = {
    "abs": "absolute", "arcsinh": "asinh", "arctan": "atan", "clamp": "clip", "expit": "sigmoid", "fabs": "absolute",
    "float_power": "pow", "gammaln": "lgamma", "log_expit": "log_sigmoid", "logsigmoid": "log_sigmoid", "power": "pow",
}  # fmt: skip
"""Names of functions in other libraries, and ours."""

_ALIKE = {"logsumexp": "logaddexp", "max": "maximum", "min": "minimum"}
"""Names of what others do to arrays, and ours for numbers."""

_CONSTANTS = frozenset(["e", "inf", "nan", "pi"])


def foreign(module: object) -> bool:
    """Whether a module, by its name, belongs to a library whose functions users write formulas with."""
    return str(module).partition(".")[0] in _LIBRARIES


def known() -> dict[int, tuple[str, object]]:
    """Our names of other libraries' functions that mean the same for numbers, by id, which holds while they are kept.

    A name alone says too little: that of ``np.vectorize(f)`` is f's, and torch.special.expit's is special_expit.
    """
    names = {n: n for n in NAMES if n not in _CONSTANTS} | _ELSEWHERE
    homes = [sys.modules[home] for home in _HOMES if home in sys.modules]
    found = [(getattr(home, theirs, None), ours) for home in homes for theirs, ours in names.items()]
    return {id(function): (ours, function) for function, ours in found if function is not None}


def instead_of(name: str) -> str:
    """What to write for a function that is none of `fastloss.math`."""
    short = name.rpartition(".")[2]
    short = {**_ALIKE, **_ELSEWHERE}.get(short, short)
    if short in NAMES:
        return f"write fl.math.{short}"
    close = get_close_matches(short, NAMES, 1)
    hint = f"; did you mean fl.math.{close[0]}?" if close else ""
    return f"help(fl.math) has the functions that there are{hint}"
