"""The language of a page: chosen by Accept-Language among the message catalogues there are.

English is the language of the sources, and needs no catalogue. The others lie in `messages/`, written by
`make messages`. Texts are looked up while a request is answered; what is fixed before that, such as the
sentences of errors, is marked with `marked` or gathered from where it stands.
"""

from __future__ import annotations

import gettext as catalogues
from functools import cache
from importlib import resources

from flask import Flask, Response, g, request

SOURCE_LANGUAGE = "en"
DOMAIN = "awscons"


@cache
def languages() -> dict[str, catalogues.NullTranslations]:
    """Every language there is, the sources' first."""
    found = {SOURCE_LANGUAGE: catalogues.NullTranslations()}
    for folder in sorted(resources.files("awscons.web").joinpath("messages").iterdir(), key=lambda f: f.name):
        compiled = folder.joinpath("LC_MESSAGES", f"{DOMAIN}.mo")
        if compiled.is_file():
            with compiled.open("rb") as file:
                found[folder.name] = catalogues.GNUTranslations(file)
    return found


def current_language() -> str:
    """The language that this request's page is written in."""
    if "language" not in g:
        g.language = _best_language()
    chosen: str = g.language
    return chosen


def _best_language() -> str:
    """The first that the browser names, by its quality; `de-AT` is German (RFC 4647, lookup)."""
    wanted = [tag.lower().split("-")[0] for tag, quality in request.accept_languages if quality > 0]
    return next((tag for tag in wanted if tag in languages()), SOURCE_LANGUAGE)


def gettext(message: str, /, **values: object) -> str:
    """`message` in the language of the page, with values in place of `%(name)s`."""
    text = languages()[current_language()].gettext(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """The form that the language has for that number; `%(num)s` stands for it."""
    text = languages()[current_language()].ngettext(singular, plural, num)
    return text % {"num": num, **values} if values else text


def N_(message: str) -> str:  # noqa: N802  the name that gettext tools look for
    """`message` itself, marked for the catalogue; looked up later."""
    return message


def register_language(app: Flask) -> None:
    """Let templates speak, and say in the answer what language it is in."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["current_language"] = current_language

    @app.after_request
    def say_language(response: Response) -> Response:
        if "language" in g:
            response.headers["Content-Language"] = g.language
            response.vary.add("Accept-Language")
        return response
