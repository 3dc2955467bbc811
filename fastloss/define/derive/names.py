"""The names of the functions of `fastloss.math`, and what others call them."""

from __future__ import annotations

from difflib import get_close_matches

NAMES = (
    "absolute", "asinh", "atan", "cbrt", "clip", "cos", "cosh", "e", "erf", "erfc", "exp", "expm1", "inf", "lgamma",
    "log", "log1mexp", "log1p", "log_cosh", "log_sigmoid", "logaddexp", "maximum", "minimum", "nan", "pi", "pow",
    "sigmoid", "sign", "sin", "sinh", "smooth_abs", "softplus", "sqrt", "square", "tanh", "times_exp", "where", "xlogy",
)  # fmt: skip

_LIBRARIES = frozenset(["math", "numpy", "scipy", "torch", "jax"])

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


def same_as(name: str) -> str:
    """Our name of another library's function that has the same meaning for numbers; "" where there is none."""
    ours = _ELSEWHERE.get(name, name)
    return ours if ours in NAMES and ours not in _CONSTANTS else ""


def instead_of(name: str) -> str:
    """What to write for a function that is none of `fastloss.math`."""
    short = name.rpartition(".")[2]
    short = {**_ALIKE, **_ELSEWHERE}.get(short, short)
    if short in NAMES:
        return f"write fl.math.{short}"
    close = get_close_matches(short, NAMES, 1)
    hint = f"; did you mean fl.math.{close[0]}?" if close else ""
    return f"help(fl.math) has the functions that there are{hint}"
