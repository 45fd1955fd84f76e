"""Serving: gunicorn, sockets, processes and memory.

gunicorn_app    gunicorn with this project's settings and workers
malloc_arenas   memory that the threads and workers of a host share
reloader        serve again when a file has changed
"""
