"""The only place where the service's parts are chosen and put together.

service   the whole service as one WSGI application
"""
