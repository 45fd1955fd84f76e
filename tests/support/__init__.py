"""What tests share: a cast, a clock, a forger of SAML responses, programs to start, a small browser."""
