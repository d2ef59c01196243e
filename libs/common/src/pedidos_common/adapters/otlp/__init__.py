"""Spans by OpenTelemetry's SDK, sent over OTLP; imported where a receiver is named."""
