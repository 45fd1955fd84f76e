"""What tests share: sample people, a clock, a forger of SAML responses, programs to start, a small browser."""
