"""The arguments with which a user's function is called to be traced: numbers that remember what becomes of them."""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..wording import shown
from .branches import WAYS, TooManyWays
from .graph import Graph, Node
from .names import ELEMENT, foreign, instead_of
from .stable import stable

if TYPE_CHECKING:
    from types import FrameType

_HERE = str(Path(__file__).parent)

LIMIT = 100_000
"""Operations that a function may have."""


class NotDerivable(TypeError):
    """What a user's function does that has no derivative, where, and what to write instead."""

    def __init__(self, what: str, line: int | None = None, file: str = "") -> None:
        super().__init__(what)
        self.line, self.file = line, file


def _user_frame() -> FrameType:
    """The frame of the function that is traced, or of a helper that it calls."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_HERE) or foreign(frame.f_globals.get("__name__"))
    ):
        frame = frame.f_back
    return frame  # type: ignore[no-any-return]


def _written(frame: FrameType) -> str:
    """The expression that a frame evaluates; "" where its source is not known."""
    start, end, left, right = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = linecache.getline(frame.f_code.co_filename, start or 0).encode()
    return text[left:right].decode() if start == end and left is not None else ""


def refused(what: str, instead: str) -> NotDerivable:
    """The error at the place where the user's function is; `{}` in its texts is the expression there."""
    frame = _user_frame()
    text = _written(frame)
    named = f"`{text}` " if text else ""
    return NotDerivable(f"{named}{what}; {instead}", frame.f_lineno, frame.f_code.co_filename)


def called(default: str) -> str:
    """The function that the user's expression calls."""
    found = re.match(r"([\w.]+)\(", _written(_user_frame()))
    return found[1] if found else default


class Recorded:
    """A node of the graph in the hands of the user's function."""

    __slots__ = ("graph", "node")
    reduced = False
    method: ClassVar[Any] = staticmethod(lambda x, name: None)
    """A tensor's method of a name, for a traced number: of `others`, which are made of such numbers."""
    __array_priority__ = 1e6

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node

    def _refuse_iteration(self, *_: Any) -> Any:
        raise refused("loops over an argument", "a loss is a function of one element, and each argument one number")

    __iter__ = __len__ = __getitem__ = __contains__ = __reversed__ = _refuse_iteration

    def _refuse_number(self, *_: Any) -> Any:
        name = called("it")
        if name in ("float", "int", "bool", "range"):
            raise refused("asks for a number", "an argument has none yet: the function is called once, for its formula")
        raise refused(f"calls {name}, which takes numbers", instead_of(name))

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _refuse_number

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Take NumPy's numbers in arithmetic, and refuse NumPy's functions."""
        mine = _OF_NUMPY.get(ufunc.__name__)
        arrays = any(getattr(x, "ndim", 0) for x in inputs if not isinstance(x, Recorded))
        if mine and method == "__call__" and not options and not arrays:
            left, right = (x if isinstance(x, Recorded) else float(x) for x in inputs)
            return getattr(left if isinstance(left, Recorded) else value_of(self.graph, left), mine)(right)
        if arrays:
            raise refused("takes an array", "a loss is a function of one element; what it refers to are numbers")
        raise refused(f"calls np.{ufunc.__name__}", instead_of(f"np.{ufunc.__name__}"))

    def __array__(self, *_: Any, **__: Any) -> Any:
        text = "a loss is a function of one element, each argument one number; losses are not called here, but added: "
        raise refused("makes an array of an argument", f"{text}2.0 * fl.huber + fl.quantile")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("device", "dtype"):  # torch.zeros(1, device=pred.device)
            return None
        found = Recorded.method(self, name)
        if found is not None:
            return found
        raise refused(f"asks for an attribute {name!r}", f"an argument is a number; {instead_of(name)}")

    def __repr__(self) -> str:
        return f"<traced {self.node.value or self.node.op}>"


class Condition(Recorded):
    """A comparison of traced numbers; `&`, `|`, `^` and `~` combine several."""

    __slots__ = ()

    def __bool__(self) -> bool:
        self.graph.line = _user_frame().f_lineno
        try:
            return bool(self.graph.branches.holds(self.node))
        except TooManyWays:
            raise refused(
                f"is asked for on more than {WAYS} ways through the function",
                "a loop ends after a number of steps that is known, and fl.where(condition, a, b) is one way",
            ) from None

    def __and__(self, other: Any) -> Condition:
        return self._with("and", other)

    def __or__(self, other: Any) -> Condition:
        return self._with("or", other)

    def __xor__(self, other: Any) -> Condition:
        node = condition_of(self.graph, other)
        return value_of(self.graph, self) != Condition(self.graph, node)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Condition:
        self.graph.line = _user_frame().f_lineno
        return Condition(self.graph, self.graph.logical("not", self.node))

    def _with(self, op: str, other: Any) -> Condition:
        node = condition_of(self.graph, other)
        return Condition(self.graph, self.graph.logical(op, self.node, node))


class Traced(Recorded):
    """A traced number."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __pos__(self) -> Traced:
        return self

    def __neg__(self) -> Traced:
        return self._made("neg")

    def __abs__(self) -> Traced:
        return self._made("absolute")

    def __add__(self, other: Any) -> Traced:
        return self._made("add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Traced:
        return self._made("sub", other)

    def __rsub__(self, other: Any) -> Traced:
        return value_of(self.graph, other)._made("sub", self)

    def __mul__(self, other: Any) -> Traced:
        return self._made("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Traced:
        return self._made("div", other)

    def __rtruediv__(self, other: Any) -> Traced:
        return value_of(self.graph, other)._made("div", self)

    def __pow__(self, other: Any, modulus: None = None) -> Traced:
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Traced:
        return apply("pow", other, self)

    def _refuse_steps(self, *_: Any) -> Any:
        raise refused("is a function of steps", "a loss has no derivative there; write arithmetic, or fl.where")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _refuse_steps

    def __lt__(self, other: Any) -> Condition:
        return self._compared("lt", other)

    def __gt__(self, other: Any) -> Condition:
        return self._compared("gt", other)

    def __le__(self, other: Any) -> Condition:
        return self._compared("le", other)

    def __ge__(self, other: Any) -> Condition:
        return self._compared("ge", other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compared("eq", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compared("ne", other)

    def _made(self, maker: str, *others: Any) -> Traced:
        if any(getattr(x, "reduced", False) for x in others):
            return NotImplemented  # type: ignore[no-any-return]
        nodes = [node_of(self.graph, x) for x in others]
        self.graph.line = _user_frame().f_lineno
        if self.graph.size > LIMIT:
            raise refused("is one operation too many", f"a derived loss has at most {LIMIT}")
        return Traced(self.graph, stable(self.graph, maker, self.node, *nodes))

    def _compared(self, op: str, other: Any) -> Condition:
        node = node_of(self.graph, other)
        self.graph.line = _user_frame().f_lineno
        return Condition(self.graph, self.graph.compare(op, self.node, node))


def _as_number(name: str) -> Any:
    return lambda self, *others: getattr(value_of(self.graph, self), name)(*others)


for _name in (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "neg", "pos", "abs",
    "lt", "gt", "le", "ge", "eq", "ne",
):  # fmt: skip
    setattr(Condition, f"__{_name}__", _as_number(f"__{_name}__"))  # 1 or 0, as Python's own


_OF_NUMPY = {
    "add": "__add__", "subtract": "__sub__", "multiply": "__mul__", "divide": "__truediv__", "power": "__pow__",
    "less": "__lt__", "less_equal": "__le__", "greater": "__gt__", "greater_equal": "__ge__", "equal": "__eq__",
    "not_equal": "__ne__",
}  # fmt: skip


def is_number(x: Any) -> bool:
    """Whether an object is one number, of whatever type."""
    return hasattr(x, "__float__") and not getattr(x, "ndim", None)


def node_of(graph: Graph, x: Any) -> Node:
    """The node of a traced number, or of a number."""
    if isinstance(x, Traced):
        return x.node
    if isinstance(x, Condition):
        return graph.select(x.node, graph.one, graph.zero)
    if isinstance(x, Recorded):
        raise refused("computes with a mean over elements", f"return the loss of one element; {ELEMENT}")
    if not is_number(x) and getattr(x, "shape", None) and set(x.shape) == {1}:  # torch.zeros(1)
        x = x.item()
    if not is_number(x):
        raise refused(f"has {shown(x)} where a number is", "a loss is made of its arguments and of numbers")
    return graph.number(float(x))


def value_of(graph: Graph, x: Any) -> Traced:
    """A number as a traced one."""
    return Traced(graph, node_of(graph, x))


def condition_of(graph: Graph, x: Any) -> Node:
    """The node of a condition, or of whether a number is not 0."""
    node = x.node if isinstance(x, Condition) else graph.compare("ne", node_of(graph, x), graph.zero)
    graph.line = _user_frame().f_lineno
    return node


def apply(op: str, *args: Any) -> Traced:
    """A function of `fastloss.math` of arguments of which one is traced."""
    graph = next(x.graph for x in args if isinstance(x, Recorded))
    nodes = [node_of(graph, x) for x in args]
    graph.line = _user_frame().f_lineno
    return Traced(graph, stable(graph, op, *nodes))
