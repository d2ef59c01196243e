"""What a test has counted, for the end of a session's output: how much was really looked at."""

from __future__ import annotations

COUNTED = "counted"  # the name under which `record_property` takes it
