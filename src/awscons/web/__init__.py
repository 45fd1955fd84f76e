"""Requests in, pages and redirects out. The web knows no AWS and no store, only use cases.

app              the Flask application, put together
dependencies     everything that the views need, by name
console_views    GET <prefix>/<service>: the main job
link_confirmation   requests that other sites and browsers cause: refused, or confirmed first
login_views      the way through the identity provider and back
logout_views     signing out, here and at the identity provider
portal_views     the portal: what a person may open, favourites, links to console pages
portal_model     what the portal lists: by account, searched by words
access_report_view   who can open what, for auditors
cli_views        signing a terminal in: metadata, the page that asks the person, the client itself
token_views      tokens of terminals
door_views       what a signed-in terminal asks for: doors and credentials
terminals_view   the terminals that a person has signed in
row_writer       writes the rows of the portal
group_messages   sentences about a person's groups
whoami_view      in debug mode: what the identity provider sent
metrics_views    what monitoring reads
health_views     `/healthz` and `/readyz`
cookies          names, flags and lifetimes of our cookies
proxy_headers    what proxies in front say of a request
guards           rules for every request: headers, origins, body sizes, mount path
problems         errors as status codes and pages: one table
redirects        the one function that makes redirects
language         texts in the language that the browser asks for; catalogues in `messages/`
assets           static files under hashed names, in the site's colours
colors           contrast of colours
compression      gzip
"""
