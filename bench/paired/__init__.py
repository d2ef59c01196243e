"""The pipeline and a bare driver loop in turns, and such a result beside an earlier one."""
