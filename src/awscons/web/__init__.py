"""The web wing: requests in, pages and redirects out. It knows no AWS and no cache, only use cases.

app             the Flask application, put together
console_views   GET <prefix>/<service>: the main job
login_views     the way through the identity provider and back; signing out
limits          how many sign-ins there may be in a minute
metrics_views   what monitoring reads
portal_views    the portal: what somebody may open, favourites, links to console pages
whoami_view     in debug mode: what the identity provider sent
listing         what the portal lists: by account, searched by words
people          what we tell people of their groups
cookies         names, flags and lifetimes of our cookies
guards          what holds for every request: headers, methods, origins, sizes
problems        errors into status codes and pages: one table
language        texts in the language that the browser asks for; catalogues in `messages/`
assets          static files under hashed names, in the site's colours
colors          colours that can be read
compression     answers made smaller on their way
"""
