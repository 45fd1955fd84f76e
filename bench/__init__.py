"""How fast the service is, compared with the floor: a client that makes the same two calls to AWS and no more.

upstream   a pretend STS and federation endpoint that respond after a given time and use almost no CPU
load       clients with persistent connections, for the service and for the floor
service    the service as a program, with logins and SAML responses made beforehand
soak       `make soak`: whether memory stays flat
__main__   `python -m bench`, which is `make bench`
"""
