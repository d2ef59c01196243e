"""HTTP's methods by what they may do (RFC 9110, 9.2.1)."""

from __future__ import annotations

# they only read: a guard lets them pass, they start nothing, and no write hides behind them
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
