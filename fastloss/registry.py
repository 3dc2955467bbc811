"""The registry of losses, and of links."""

from __future__ import annotations

from typing import Any

LOSSES: dict[str, Any] = {}
"""Every loss that this library defines, by name, in the order of definition."""

LINKS: dict[str, Any] = {}
"""The functions that make predictions of losses' raw scores, by the names by which losses declare them."""
