"""Agents' verdicts on past decisions: has anything drifted, and is retraining due?"""
