"""From your tickets or the corpus to a bundle. Run from a checkout: ``python -m training --help``."""
