"""Everything that reaches outside: AWS, stores, files, the log, the network. Adapters know no web.

aws               STS, the federation endpoint, the broker's credentials, and the one HTTP pool
stores            where logins are saved
server            serving with gunicorn
idp_metadata      the identity provider's keys, from the configuration or from its metadata
client_archive    the command-line client, as one file
metadata_copy     the last good metadata, on disk
audit_log         logs and audit events, as JSON lines
audit_streams     one chained stream of audit events for each process
webhook           tells one URL about chosen audit events
shared_counters   counters of all processes of a host
metrics_page      counters and gauges for Prometheus
metered_ports     ports whose calls are counted and timed
surroundings      clocks, our own public URL, proxies and the disk, for `awscons doctor`
readiness         whether a sign-in can work now, by named checks
"""
