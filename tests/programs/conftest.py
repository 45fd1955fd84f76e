"""What several tests of programs share."""

from support.client_fixtures import computer, service, signed_in, terminal, zipapp

__all__ = ["computer", "service", "signed_in", "terminal", "zipapp"]
