"""gunicorn's settings, for where it is run as itself: `gunicorn --config /etc/awscons/gunicorn.conf.py`.

`awscons serve` needs no such file: it has these settings built in.
"""

import os

from awscons.adapters.memory import share_heaps

# Each worker keeps to one CPU: its threads take turns, and change places faster there.
from awscons.adapters.server import give_place as pre_fork  # noqa: F401  gunicorn looks for the name

wsgi_app = "awscons.wsgi:application"
raw_env = ["AWSCONS_CONFIG=/etc/awscons/config.py"]

# A proxy on this host does TLS.
bind = "127.0.0.1:8000"

# The work is waiting for AWS: few processes, many threads. This worker gives up on clients that take
# for ever to say what they want. In config.py, `simultaneous` says how many of the threads may wait for
# AWS: 56, so that eight are left for pages that need no AWS.
worker_class = "awscons.adapters.server.Worker"
workers = 2
threads = 64

# Threads that each have a heap of their own make a worker larger by a tenth.
share_heaps(os.environ)

# Idle connections, which cost no thread: kept for longer than a proxy keeps them. Otherwise we might hang up
# at the moment in which it sends the next request, and that person would see an error.
keepalive = 75
worker_connections = 2_048

# Requests in flight may finish when the service stops.
graceful_timeout = 30

# Bytes. A request line holds the address of a console page; header lines, sixteen pending logins' cookies.
limit_request_line = 8_190
limit_request_field_size = 16_384

# No proxy header decides anything here: config.py says how many proxies are believed, and for what.
forwarded_allow_ips = ""
secure_scheme_headers = {}
forwarder_headers = ""

# Otherwise a socket appears in the home folder of whoever starts it.
control_socket_disable = True
