"""One run of the pipeline from start to DONE, as events on a simulated clock."""
