"""A pretend world around the real service: an identity provider that signs, an AWS that checks.

Nothing of the service is different in the demo; only its settings and its neighbours are. Only its
command and tests may import from here.

    cast                who lives in the demo, and what they may open
    identity_provider   a SAML identity provider whose assertions are really signed
    sts                 STS, over real HTTP
    signin              the federation endpoint and a console page, over real HTTP
    assembly            the service and its neighbours, put together
"""
