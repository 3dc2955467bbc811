"""Where the data is: one adapter per array library, chosen by type and without importing anything."""

from .dispatch import evaluate as evaluate
from .dispatch import evaluate_chunks as evaluate_chunks
from .dispatch import evaluate_rows as evaluate_rows
