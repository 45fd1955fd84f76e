"""Benchmarks of the service, compared with the floor: a client that makes the same two calls and nothing else.

upstream   a pretend STS and federation endpoint that answers after a given time and uses almost no CPU
load       clients with persistent connections, for the service and for the floor
service    the service as a program, with logins and answers made beforehand
size       ten thousand targets beside forty
soak       `make soak`: whether memory stays flat
__main__   `python -m bench`, which is `make bench`
"""
