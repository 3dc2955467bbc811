"""What a function must be to become a loss; one error, where it is defined, for a function that is not."""

from __future__ import annotations

import math
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from .frozen import globals_of, user_defined
from .keywords import KEYWORDS
from .wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable

CONSTANTS = frozenset(["pi", "e", "tau", "inf", "nan"])

ELEMENTARY = CONSTANTS.union(
    ["exp", "expm1", "log", "log1p", "pow", "sqrt", "cbrt", "fabs", "copysign", "sinh", "cosh", "tanh", "asinh"],
    ["sin", "cos", "atan", "erf", "erfc", "lgamma"],
)
"""The names of `math` that a definition may use: constants, and functions that every target has vectorised."""


def check_signature(jet: Callable[..., Any], names: tuple[str, ...], split: int, mentioned: tuple[str, ...]) -> None:
    """Raise for a jet with the wrong number of inputs, or for a decorator that names no argument of it."""
    code = jet.__code__
    if code.co_flags & 0x04 or not 1 <= split <= 3:
        raise TypeError(
            f"{jet.__name__}: a pointwise loss takes one to three inputs and then parameters with defaults, "
            f"got ({', '.join(names)})"
        )
    check_function(jet, jet.__name__)
    unknown = sorted(set(mentioned) - set(names))
    if unknown:
        raise TypeError(
            f"{jet.__name__}: the decorator names {', '.join(unknown)}, its arguments are {', '.join(names)}"
        )


def check_plain(function: Any, what: str) -> None:
    """Raise for anything but a plain Python function; `what` begins the error."""
    if not isinstance(function, FunctionType):
        hint = "; take the decorator away: fastloss compiles it itself" if hasattr(function, "py_func") else ""
        hint = "; pass an object of the class" if isinstance(function, type) and hasattr(function, "forward") else hint
        hint = "; pass its function, and bind the loss: .bind(q=0.9)" if hasattr(function, "keywords") else hint
        raise TypeError(f"{what} a plain Python function, got a {type(function).__name__} ({function!r}){hint}")
    if not function.__name__.isprintable():
        raise TypeError(f"{what} a function with a printable name, got {function.__name__!r}")


def check_names(loss: str, names: tuple[str, ...], keywords: tuple[str, ...]) -> None:
    """Raise for an argument with the name of a keyword: it could not be passed by name."""
    taken = [n for n in names if n in keywords]
    if taken:
        raise TypeError(f"{loss}: {taken[0]!r} is a keyword of every loss; call the argument something else")


def check_function(jet: Callable[..., Any], loss: str, keywords: tuple[str, ...] = KEYWORDS) -> None:
    """Raise for a function of a user's loss that no kernel can be made of."""
    if not user_defined(jet.__module__):
        return  # the library's own are read by tests
    code = jet.__code__
    check_names(loss, code.co_varnames[: code.co_argcount], keywords)
    if code.co_flags & 0x08 or code.co_kwonlyargcount:
        raise TypeError(f"{jet.__name__} has arguments that go by name alone; parameters stand last, with defaults")
    if code.co_freevars:
        raise TypeError(
            f"{jet.__name__} refers to {', '.join(code.co_freevars)} of the function around it; "
            "a loss may refer to its arguments and to names of its module"
        )
    modules = [n for n in code.co_names if isinstance(jet.__globals__.get(n), ModuleType)]
    if any(jet.__globals__[n] is not math for n in modules):
        raise TypeError(f"{jet.__name__} uses {', '.join(modules)}; a loss may use the module math and no other")
    _check_body(jet)


def check_tries(function: Any) -> None:
    """Raise for a traced function that catches errors: no number raises one, and it would catch those of the trace."""
    import dis  # which takes 5 ms

    steps = [i.opname for i in dis.get_instructions(function)]
    if steps.count("PUSH_EXC_INFO") > steps.count("WITH_EXCEPT_START"):
        raise TypeError(f"{function.__name__} has a try statement, which sees no number; choose by a condition")


_OF_PYTHON = frozenset(["breakpoint", "eval", "exec", "input", "open", "print"])
"""Built-in functions that need Python's lock: a kernel, which holds it, would wait for it for ever."""


def _check_calls(function: Any, done: set[Any]) -> None:
    """Raise for a function that no kernel may call, also in the functions that are called."""
    done.add(function)
    used = globals_of(function.__code__)
    if found := sorted((used & _OF_PYTHON) - function.__globals__.keys()):
        raise TypeError(f"{function.__name__} calls {found[0]}, which no kernel can; call the function on a number to "
                        "look into it, as loss.jet(0.5, 1.0)")  # fmt: skip
    import dis  # which takes 5 ms

    if any(i.opname == "PUSH_EXC_INFO" for i in dis.get_instructions(function)):
        raise TypeError(f"{function.__name__} has a try or with statement, which no kernel can; choose by a condition")
    for n in used & function.__globals__.keys():
        other = function.__globals__[n]
        if isinstance(other, FunctionType) and other not in done and user_defined(other.__module__):
            _check_calls(other, done)


def _check_body(jet: Callable[..., Any]) -> None:
    """Raise for operations that no kernel has."""
    _check_calls(jet, set())
    used = {n for n in jet.__code__.co_names if hasattr(math, n)} - jet.__globals__.keys()
    strange = sorted(used - ELEMENTARY) if "math" in jet.__code__.co_names else []
    if strange:
        raise TypeError(
            f"{jet.__name__} uses math.{strange[0]}; there are {', '.join(f'math.{n}' for n in sorted(ELEMENTARY))}"
        )
    import dis  # which takes 5 ms

    steps = list(dis.get_instructions(jet))
    if any(i.opname == "RAISE_VARARGS" for i in steps):
        raise TypeError(f"{jet.__name__} raises an error, which no kernel can; let the result be NaN")
    if any(i.opname == "BINARY_OP" and i.argrepr.startswith("**") for i in steps):
        raise TypeError(f"{jet.__name__} uses **, which becomes a slow call; multiply, or use math.pow")


def order_of(jet: Callable[..., Any], point: list[float], values: tuple[float, ...], gradients: int) -> int:
    """The number of derivatives that a jet returns, found by calling it at a point inside its domains."""
    result = jet(*point, *values)
    if not isinstance(result, tuple) or len(result) not in (2, 3):
        raise TypeError(f"{jet.__name__} must return (value, d1, d2) or (value, d1), got {result!r}")
    if gradients == 1 and any(isinstance(x, bool) or not hasattr(x, "__float__") for x in result):
        raise TypeError(f"{jet.__name__} returns {shown(result)}, expected numbers; a choice is `1.0 if ... else 0.0`")
    if gradients > 1 and any(not isinstance(d, tuple) or len(d) != gradients for d in result[1:]):
        raise TypeError(
            f"{jet.__name__} has {gradients} gradients, so d1 and d2 must be tuples of {gradients}, got {result!r}"
        )
    return len(result) - 1
