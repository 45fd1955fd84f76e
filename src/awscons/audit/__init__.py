"""What happened, for auditors and for monitoring.

event              an audit event: its fields, and the port that writes it
events             one constructor for each decision
metrics_recorder   the port that counts
"""
