"""Signing in, from an AuthnRequest to a Login, and the end of that login.

login            begins a sign-in and finishes it
identities       the person of a verified assertion, with what a login stores
single_logout    signs out at the identity provider, and takes its word when it signs somebody out
pending_logins   sign-ins that the identity provider has not answered yet
register         logins: saved, found by their cookie, found by a person's name, revoked
records          values to and from records of the store
blocks           people and targets that an operator has blocked
rate_limits      sign-ins of one network and of everybody in a minute, and consoles of one person
idp_trust        the port to the identity provider's keys
settings         what the configuration decides about signing in
"""
