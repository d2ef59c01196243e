"""The generator: writes the orders of a run, one chunk a job."""
