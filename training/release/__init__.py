"""Release: compare a candidate with the shipped model, and publish it."""
