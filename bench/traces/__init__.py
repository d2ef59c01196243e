"""A receiver of traces over OTLP, and how one is shown."""
