"""Redis: the doorbell, wake-up calls and the newest log lines. Nothing here may be truth."""
