"""The language of a page: chosen by Accept-Language among the message catalogues there are.

The sources are in English, which needs no catalogue. `make messages` writes the other catalogues in
`messages/`. Texts are translated during a request. `N_` marks constants for the catalogue; `make messages`
reads the `public` sentences from the error classes.
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
    """Return every available language with its catalogue, English first."""
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
    """The available language with the highest quality in Accept-Language; `de-AT` is German (RFC 4647)."""
    wanted = [tag.lower().split("-")[0] for tag, quality in request.accept_languages if quality > 0]
    return next((tag for tag in wanted if tag in languages()), SOURCE_LANGUAGE)


def gettext(message: str, /, **values: object) -> str:
    """Translate `message` into the language of the page, and insert the values for `%(name)s`."""
    text = languages()[current_language()].gettext(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """Translate the plural form for `num`, and insert the values; `%(num)s` is the number."""
    text = languages()[current_language()].ngettext(singular, plural, num)
    return text % {"num": num, **values} if values else text


def N_(message: str) -> str:  # noqa: N802  the name that gettext tools look for
    """Return `message` unchanged; marks it for the catalogue."""
    return message


def register_language(app: Flask) -> None:
    """Install gettext in the templates, and set Content-Language and Vary on responses."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["current_language"] = current_language

    @app.after_request
    def say_language(response: Response) -> Response:
        if "language" in g:
            response.headers["Content-Language"] = g.language
            response.vary.add("Accept-Language")
        return response
