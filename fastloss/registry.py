"""The registry of losses."""

from __future__ import annotations

from typing import Any

LOSSES: dict[str, Any] = {}
"""Every loss that this library defines, by name, in the order of definition."""
