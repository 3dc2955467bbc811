"""What the metrics of the three libraries share."""

from __future__ import annotations

from typing import Any

from .checks import called_by


class Metric:
    """The weighted mean of an objective's loss, as the objective's library calls it."""

    no_jit = True
    """CatBoost would compile the methods with Numba, and warn that it cannot."""

    def __init__(self, objective: Any) -> None:
        self.objective = objective
        self.__name__ = objective.name

    def evaluate(self, *_: Any) -> Any:
        """What CatBoost calls."""
        raise called_by(self.objective.name, self.objective.package, "catboost")

    is_max_optimal = get_final_error = evaluate

    def __repr__(self) -> str:
        return f"{self.objective!r}.metric"
