"""What every process needs around its work: settings, logs, probes, loops, shutdown."""
