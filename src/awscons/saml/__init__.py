"""SAML 2.0 for a service provider, and for the little that AWS asks of an identity provider: a library.

Pure functions over bytes and values, without a clock, a socket, a store or a framework. Of the rest of the project
it knows `errors` and `findings` alone. A response passes these modules in this order, and the first refusal ends it:

input_limits      what a posted form value must be before it is parsed
xml               the one parser, the walk over the tree, and reading from it
status            what an identity provider says in place of an assertion
structure         where in the tree what is read stands, and that it stands nowhere else
signature         XML signatures: verified by us and by a second verifier; and our own
encryption        encrypted assertions and NameIDs
assertion         the checks of SAML core and SAML profiles on a verified assertion
response          the way through all of these: `open_envelope`, then `verify_envelope`

Beside it:

parties           the service provider and the identity provider, as values
authn_request     what we ask the identity provider
redirect          the HTTP-Redirect binding
logout_messages   LogoutRequest and LogoutResponse
issuing           responses of our own, with which AWS opens roles
self_test         a sample response, verified before the first sign-in
metadata          the identity provider's metadata, read; ours, written
metadata_keys     the signing key of each KeyDescriptor
certificates      certificates and what makes one unfit
algorithms        algorithms that are accepted
names             names of the standards
differences       in what two nearly equal texts differ, for hints
explain           what would be refused in a captured response, step by step
"""
