"""Scoring of tables of messages: files on one machine, and the columns that a cluster adds as well.

Nothing here is imported by ``import escalate``; it needs the packages of the extra ``batch``.
"""
