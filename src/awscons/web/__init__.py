"""The web wing: requests in, pages and redirects out. It knows no AWS and no cache, only use cases.

app             the Flask application, put together
console_views   GET <prefix>/<service>: the main job
login_views     the way through the identity provider and back; signing out
limits          how many sign-ins there may be in a minute
metrics_views   what monitoring reads
portal_views    the page with the targets that somebody may open
cookies         names, flags and lifetimes of our cookies
guards          what holds for every request: headers, methods, origins, sizes
problems        errors into status codes and pages: one table
assets          static files under hashed names
"""
