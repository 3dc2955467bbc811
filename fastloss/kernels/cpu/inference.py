"""Which types the variables of a part have: by Numba's rules, each asked again only where what it has read has changed.

Numba asks all of them until nothing changes, so that of a part without a loop each answer is found twice.
"""

from __future__ import annotations

from typing import Any

from numba.core import errors as _errors
from numba.core import typed_passes as _passes
from numba.core import typeinfer as _typeinfer
from numba.core import types as _types
from numba.core.compiler_machinery import register_pass

errors: Any = _errors  # half of it is typed
passes: Any = _passes
typeinfer: Any = _typeinfer
types: Any = _types
registered: Any = register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]


class _Variables(typeinfer.TypeVarMap):  # type: ignore[misc]
    """The variables by their names, with a list of those that were looked at."""

    def __init__(self, context: Any) -> None:
        self.set_context(context)
        self.looked_at: list[Any] = []

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        self.looked_at.append(found)
        return found


class _Inferer(typeinfer.TypeInferer):  # type: ignore[misc]
    """Numba's rules in the order that it has."""

    def __init__(self, context: Any, func_ir: Any, warnings: Any) -> None:
        super().__init__(context, func_ir, warnings)
        self.typevars = _Variables(context)

    def propagate(self, raise_errors: bool = True) -> Any:
        rules, read, failed = self.constraints.constraints, dict[Any, Any](), set[Any]()
        with self.warnings.catch_warnings(self.func_ir.loc.filename, self.func_ir.loc.line):
            while left := [rule for rule in rules if rule not in read or any(a.type is not b for a, b in read[rule])]:
                for rule in left:
                    looked_at: list[Any] = []
                    self.typevars.looked_at = looked_at
                    failed.discard(rule)
                    try:
                        rule(self)
                    except (errors.TypingError, errors.ForceLiteralArg):
                        failed.add(rule)
                    read[rule] = [(each, each.type) for each in looked_at]
        return super().propagate(raise_errors) if failed else None  # which says what failed


@registered
class Inference(passes.NopythonTypeInference):  # type: ignore[misc]
    """The pass of a compiler."""

    _name = "type_inference_of_a_part"

    def run_pass(self, state: Any) -> bool:
        """Find the types, as Numba's own pass does."""
        warnings = errors.WarningsFixer(errors.NumbaWarning)
        found = _Inferer(state.typingctx, state.func_ir, warnings)
        with state.typingctx.callstack.register(state.targetctx.target, found, state.func_id, state.args), warnings:
            for index, (name, kind) in enumerate(zip(state.func_ir.arg_names, state.args, strict=True)):
                found.seed_argument(name, index, kind)
            if state.return_type is not None:
                found.seed_return(state.return_type)
            found.build_constraint()
            state.typing_errors = found.propagate()
            typed, result, called = found.unify()
        if isinstance(result, _REFUSED) or (isinstance(result, types.Array) and not state.flags.nrt):
            return bool(super().run_pass(state))  # which says what is wrong
        state.typemap, state.return_type, state.calltypes = typed, result, called
        return False


_REFUSED = types.Function, types.Phantom
