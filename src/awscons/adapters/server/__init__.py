"""Serving: gunicorn, sockets, processes and memory.

gunicorn_app    gunicorn with this project's settings and worker
graceful_stop   what happens between SIGTERM and the end
listeners       listening sockets and TLS
slow_clients    sockets with a deadline, against slow clients
cpu_pinning     which CPU a worker keeps to
worker_memory   malloc arenas and garbage collection of workers
reload_signals  how workers learn that the configuration has to be read again
reloader        `awscons serve --reload`: start again when a file has changed
"""
