"""SAML 2.0 for a service provider: a library that happens to live here.

Pure functions over bytes and values: no clock, no socket, no store, no framework, and nothing of the
rest of the project but `errors`. What a caller needs:

    parties         who we are and whom we trust
    authn_request   what we ask the identity provider
    response        `open_envelope`, then `verify_envelope`: from a posted form value to an `Assertion`

and below them, in the order in which a response meets them: `gates`, `xml`, `shape`, `signature`,
`content`. Each step may only refuse; the first refusal ends it.
"""
