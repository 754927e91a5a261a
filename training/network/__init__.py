"""The network: the base encoder and the heads on it."""
