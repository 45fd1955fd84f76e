"""The only place where the service's parts are chosen and put together: one builder for each area.

Everything else receives what it needs, and nothing reaches out at import time.

service         the whole service as one WSGI application
reloading       the service with a configuration that can change while it runs
signin_side     sign-in, sign-out, logins and rate limits
audit_side      the audit log, of the service and of commands
aws_side        the broker with its clients
observability   metrics and gauges
clock           the clock of the service
"""
