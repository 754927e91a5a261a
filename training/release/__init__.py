"""Release: compare a candidate with the released model, and publish it."""
