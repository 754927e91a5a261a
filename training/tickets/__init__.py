"""A data scientist's own tickets: reading, checking, splitting, and labels that look wrong."""
