"""Settings for gunicorn without `awscons serve`: `gunicorn --config /etc/awscons/gunicorn.conf.py`.

`awscons serve` has these settings built in and does not need this file.
"""

import os

from awscons.adapters.audit_log import configure_logging

# Pins each worker to one CPU; see docs/explanation/profile.md.
from awscons.adapters.server.cpu_pinning import assign_worker_index as pre_fork  # noqa: F401  gunicorn looks for the name
from awscons.adapters.server.gunicorn_app import SETTINGS
from awscons.adapters.server.worker_memory import limit_malloc_arenas

wsgi_app = "awscons.wsgi:application"
raw_env = ["AWSCONS_CONFIG=/etc/awscons/config.py"]

# A proxy on this host terminates TLS.
bind = "127.0.0.1:8000"

# Threads mostly wait for AWS, so few processes with many threads are enough. This worker class closes connections
# of clients that send their request too slowly. Of the 64 threads, `max_concurrent_sign_ins` in config.py lets 56
# wait for AWS; 8 stay free for pages that need no AWS.
worker_class = "awscons.adapters.server.gunicorn_app.Worker"
workers = 2
threads = 64

# Without this limit, malloc makes an arena for each thread, and a worker needs more memory.
limit_malloc_arenas(os.environ)

# Lines of gunicorn itself are JSON, as all others.
configure_logging()

# The same limits, keep-alive, graceful stop and proxy rules as `awscons serve`. Settings below this line
# override them.
globals().update(SETTINGS)
