"""How fast the service is, beside the floor: the same two calls to AWS made by a client that does nothing else.

upstream   a pretend STS and federation endpoint that answer after a given time, and cost almost nothing
load       clients that keep their connections: of the service, and of the floor
service    the service as a program, with logins and answers made beforehand
soak       `make soak`: whether memory stays flat
__main__   `python -m bench`, which is `make bench`
"""
