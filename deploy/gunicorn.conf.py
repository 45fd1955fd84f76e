"""gunicorn's settings, for where it is run as itself: `gunicorn --config /etc/awscons/gunicorn.conf.py`.

`awscons serve` needs no such file: it has these settings built in.
"""

import os

# Each worker keeps to one CPU: its threads take turns, and change places faster there.
from awscons.adapters.server.cpu_pinning import assign_worker_index as pre_fork  # noqa: F401  gunicorn looks for the name
from awscons.adapters.server.gunicorn_app import SETTINGS
from awscons.adapters.server.worker_memory import limit_malloc_arenas

wsgi_app = "awscons.wsgi:application"
raw_env = ["AWSCONS_CONFIG=/etc/awscons/config.py"]

# A proxy on this host does TLS.
bind = "127.0.0.1:8000"

# The work is waiting for AWS: few processes, many threads. This worker gives up on clients that take
# for ever to say what they want. In config.py, `max_concurrent_sign_ins` says how many of the
# threads may wait for AWS: 56, so that eight are left for pages that need no AWS.
worker_class = "awscons.adapters.server.gunicorn_app.Worker"
workers = 2
threads = 64

# Threads that each have a heap of their own make a worker larger by a tenth.
limit_malloc_arenas(os.environ)

# Limits, idle connections, a stop that lets requests finish, and no trust in proxy headers: as
# `awscons serve` has them.
# What you set below this line counts instead.
globals().update(SETTINGS)
