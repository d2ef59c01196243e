"""Running one job: claim, perform, settle, with its lease kept alive meanwhile."""
