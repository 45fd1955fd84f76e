"""What several tests of programs share."""

from support.client_fixtures import service, signed_in, terminal, zipapp

__all__ = ["service", "signed_in", "terminal", "zipapp"]
