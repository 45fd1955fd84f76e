"""A pretend world around the real service: an identity provider that signs, an AWS that checks.

Only the settings and the neighbours of the service are different in the demo. Only its command and tests may import
from here.

demo_world          the service and its neighbours, put together
sample_people       the people of the demo, and what they may open
identity_provider   a SAML identity provider whose assertions are really signed
pretend_sts         STS, over real HTTP
pretend_signin      the federation endpoint and a console page, over real HTTP
faults              faults that people can inject into the pretend AWS
"""
