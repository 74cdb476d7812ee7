"""Builds the generated half of `trio_durable_proto` from the .proto files. Run by ../generate.py; not installed."""
