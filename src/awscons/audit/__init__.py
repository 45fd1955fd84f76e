"""What happened, for auditors and for monitoring.

events             audit events: one for each decision
metrics_recorder   the port that counts
"""
