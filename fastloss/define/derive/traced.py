"""The arguments with which a user's function is called to be traced: numbers that remember what becomes of them."""

from __future__ import annotations

import operator
import sys
from typing import Any, ClassVar

from ..frozen import user_defined
from ..wording import shown
from .branches import WAYS, TooManyWays
from .gradients import is_differentiated
from .graph import Graph, Node, reachable
from .names import ELEMENT, instead_of
from .refusals import called, refused, user_frame
from .stable import stable

LIMIT = 100_000
"""Operations that a function may have."""


class Recorded:
    """A node of the graph in the hands of the user's function."""

    __slots__ = ("graph", "node")
    reduced = False
    method: ClassVar[Any] = staticmethod(lambda x, name: None)
    """A tensor's method of a name, for a traced number: of `others`, which are made of such numbers."""
    function: ClassVar[Any]
    """What a function of torch's or NumPy's gives, called by what is not traced; of `others`, too."""
    __array_priority__ = 1e6

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What ``isinstance`` asks for, of a text that is not traced, in which it would be false without a word."""
        asking = sys._getframe(1)
        ours = not user_defined(asking.f_globals.get("__name__", ""))
        if not ours and user_frame() is asking and called("") == "isinstance":
            raise refused(
                "asks for the type of an argument", "call it in the function that is derived, or in a helper of it"
            )
        return type(self)

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
        if method == "__call__":
            return Recorded.function(ufunc, inputs, options)
        raise refused(f"calls {called(f'np.{ufunc.__name__}')}", instead_of(ufunc.__name__))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return Recorded.function(function, args, options)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), options: Any = None) -> Any:
        if hasattr(function, "__objclass__") or function.__name__.startswith("__"):
            return NotImplemented  # a tensor's operator: the other side's then takes its turn
        return Recorded.function(function, args, options or {})

    def __array__(self, *_: Any, **__: Any) -> Any:
        text = "a loss is a function of one element, each argument one number; losses are not called here, but added: "
        raise refused("makes an array of an argument", f"{text}2.0 * fl.huber + fl.quantile")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "node":
            raise refused("is of what was changed in place under another name", "write x = x * 2 instead of x *= 2")
        if name in ("device", "dtype"):  # torch.zeros(1, device=pred.device)
            return None
        found = Recorded.method(self, name)
        if found is not None:
            return found
        raise refused(f"asks for an attribute {name!r}", f"an argument is a number; {instead_of(name)}")

    def __repr__(self) -> str:
        return f"<traced {self.node.value or self.node.op}>"


def without_gradient(x: Recorded) -> None:
    """Raise if what is computed without gradients has one."""
    if not x.graph.wrt.isdisjoint(reachable([x.node])):
        raise refused("is computed without gradients", instead_of("no_grad"))


class Condition(Recorded):
    """A comparison of traced numbers; `&`, `|`, `^` and `~` combine several."""

    __slots__ = ()

    def __bool__(self) -> bool:
        self.graph.line = user_frame().f_lineno
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
        self.graph.line = user_frame().f_lineno
        return Condition(self.graph, self.graph.logical("not", self.node))

    def _with(self, op: str, other: Any) -> Condition:
        node = condition_of(self.graph, other)
        return Condition(self.graph, self.graph.logical(op, self.node, node))


class Traced(Recorded):
    """A traced number."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, node: Node) -> None:
        super().__init__(graph, node)
        if not is_differentiated():
            without_gradient(self)

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
        self.graph.line = user_frame().f_lineno
        if self.graph.size > LIMIT:
            raise refused("is one operation too many", f"a derived loss has at most {LIMIT}")
        return Traced(self.graph, stable(self.graph, maker, self.node, *nodes))

    def _compared(self, op: str, other: Any) -> Condition:
        node = node_of(self.graph, other)
        self.graph.line = user_frame().f_lineno
        return Condition(self.graph, self.graph.compare(op, self.node, node))


def _in_place(operation: Any) -> Any:
    """``x += y``, of which nothing tells whether x has other names: arrays change under them, and numbers do not."""

    def change(self: Recorded, other: Any) -> Any:
        result = operation(self, other)
        del self.node  # which is then asked for by another name alone
        return result

    return change


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Traced, f"__i{_name}__", _in_place(getattr(operator, _name)))

for _name in ("and", "or", "xor"):
    setattr(Condition, f"__i{_name}__", _in_place(getattr(operator, f"__{_name}__")))


def _as_number(name: str) -> Any:
    def operation(self: Condition, *others: Any) -> Any:
        if "add" in name and isinstance(others[0], (Condition, bool)):
            raise refused("adds comparisons", "arrays give true or false, and numbers 2: write `|`, or x.float()")
        return getattr(value_of(self.graph, self), name)(*others)

    return operation


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
    graph.line = user_frame().f_lineno
    return node


def apply(op: str, *args: Any) -> Traced:
    """A function of `fastloss.math` of arguments of which one is traced."""
    graph = next(x.graph for x in args if isinstance(x, Recorded))
    nodes = [node_of(graph, x) for x in args]
    graph.line = user_frame().f_lineno
    return Traced(graph, stable(graph, op, *nodes))
