"""The benchmark: measures lossd, compares what it measured, and prints tables."""
