"""The policy of a bundle, chosen from costs, capacity or a recall to hold."""
