"""The names of the functions of `fastloss.math`, and what others call them."""

from __future__ import annotations

from difflib import get_close_matches

NAMES = (
    "absolute", "asinh", "atan", "cbrt", "clip", "cos", "cosh", "e", "erf", "erfc", "exp", "expm1", "inf", "lgamma",
    "log", "log1mexp", "log1p", "log_cosh", "log_sigmoid", "logaddexp", "maximum", "minimum", "nan", "pi", "pow",
    "sigmoid", "sign", "sin", "sinh", "smooth_abs", "softplus", "sqrt", "square", "tanh", "times_exp", "where", "xlogy",
)  # fmt: skip

_ELSEWHERE = {
    "abs": "absolute", "arcsinh": "asinh", "arctan": "atan", "expit": "sigmoid", "fabs": "absolute",
    "float_power": "pow", "logsumexp": "logaddexp", "max": "maximum", "min": "minimum", "power": "pow",
}  # fmt: skip
"""Names of functions in other libraries, and ours."""


def instead_of(name: str) -> str:
    """What to write for a function that is none of `fastloss.math`."""
    short = name.rpartition(".")[2]
    short = _ELSEWHERE.get(short, short)
    if short in NAMES:
        return f"write fl.math.{short}"
    close = get_close_matches(short, NAMES, 1)
    hint = f"; did you mean fl.math.{close[0]}?" if close else ""
    return f"help(fl.math) has the functions that there are{hint}"
