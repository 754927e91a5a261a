"""The commands of ``python -m training``, a module for each kind."""
