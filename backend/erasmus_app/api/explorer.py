"""GraphiQL, from our own files: no other site is asked for anything."""

from importlib.resources import files

ASSETS = {
    "graphiql.min.js": "text/javascript",
    "graphiql.min.css": "text/css",
    "react.production.min.js": "text/javascript",
    "react-dom.production.min.js": "text/javascript",
    "explorer.js": "text/javascript",
}
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'none'"
)


def page_at(path: str, accept: str) -> tuple[str, bytes, list[tuple[bytes, bytes]]] | None:
    """Return the type, the content and further headers of what is at a path; None: nothing is."""
    name = path.rstrip("/").rpartition("/assets/")[2]
    folder = files("erasmus_app.api") / "graphiql"
    if "/assets/" in path:
        if name not in ASSETS:
            return None
        body = (folder / name).read_bytes()
        return f"{ASSETS[name]}; charset=utf-8", body, [(b"cache-control", b"max-age=3600")]
    if "text/html" not in accept:
        return None
    page = (folder / "explorer.html").read_bytes()
    return "text/html; charset=utf-8", page, [(b"content-security-policy", POLICY.encode())]
