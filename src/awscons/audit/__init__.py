"""What happened, for auditors and for monitoring.

event              an audit event: its fields, and the port that writes it
chain              the chain of a process's events, and how names are erased from it
verification       whether the events of logs are whole
notifications      which events the webhook tells about, and what it says
queries            statements that join our events to CloudTrail
shapes             events as OCSF and in the Elastic Common Schema
reading            audit events in the lines of logs, whatever carried them
settings           what the configuration decides about the audit log
events             one constructor for each decision
metrics_recorder   the port that counts
"""
