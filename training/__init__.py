"""From a corpus to a released bundle. Run from a checkout: ``python -m training --help``."""
