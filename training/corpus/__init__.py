"""The corpus: format, checks, splits and datasheet."""
