"""What goes wrong: one sentence for a person, a hint about what to do, and an exit status."""

from __future__ import annotations


class ClientError(Exception):
    """The command cannot do what it was asked to.

    hint   a second sentence that says what to do; may be empty
    """

    exit_status = 1

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint

    def __str__(self) -> str:
        """Sentence and hint in one line: programs that call us show no more of it."""
        return f"{self.args[0]} {self.hint}".strip()


class UsageMistake(ClientError):
    """The command line asks for something that there is not."""

    exit_status = 2


class LoginEnded(ClientError):
    """Nobody is signed in to the service from this computer, or no longer."""

    exit_status = 3


class Refused(ClientError):
    """The service answered, and the answer is no."""

    exit_status = 4


class ServiceUnavailable(ClientError):
    """No answer, or one that is no answer: the network, a proxy, the service, AWS. It may work later."""

    exit_status = 5


KINDS = {kind.exit_status: kind for kind in (UsageMistake, LoginEnded, Refused, ServiceUnavailable)}
"""The error of an exit status; 1 is `ClientError`."""


def printable(text: object, length: int = 300) -> str:
    """Text from outside, in one line, without the characters that a terminal obeys."""
    cleaned = "".join(each if each.isprintable() else " " for each in str(text))
    return " ".join(cleaned.split())[:length]
