"""The demo: the real service between a pretend identity provider and a pretend AWS.

The service runs unchanged; only its settings and the parties around it are the demo's. The demo command
and the tests are the only code that may import this package.

    sample_people       the people of the demo, and the targets that they may open
    identity_provider   a SAML identity provider that signs its assertions with a real key
    pretend_sts         STS over HTTP: issues role sessions
    pretend_sts_answers its answers as XML
    pretend_sts_checks  what STS refuses: parameters and durations; its errors
    pretend_saml        what STS reads in an assertion of a SAML provider, and refuses
    policy_evaluation   IAM's evaluation of trust policies and identity policies
    pretend_signin      the federation endpoint and a console page, over HTTP
    faults              fault injection: makes the regions of the pretend AWS fail
    demo_world          builds the service and everything around it as one WSGI application
"""
