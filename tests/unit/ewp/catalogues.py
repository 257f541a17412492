"""Catalogue documents of invented HEIs, put together from pieces."""

SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
HTTPSIG = f'<httpsig xmlns="{SPECS}sec-cliauth-httpsig/tree/stable-v1"/>'
ANONYMOUS = f'<anonymous xmlns="{SPECS}sec-cliauth-none/tree/stable-v1"/>'
TLSCERT = f'<tlscert xmlns="{SPECS}sec-cliauth-tlscert/tree/stable-v1" allows-self-signed="true"/>'
SERVER_HTTPSIG = f'<httpsig xmlns="{SPECS}sec-srvauth-httpsig/tree/stable-v1"/>'
SERVER_TLSCERT = f'<tlscert xmlns="{SPECS}sec-srvauth-tlscert/tree/stable-v1"/>'
TLS = f'<tls xmlns="{SPECS}sec-reqencr-tls/tree/stable-v1"/>'
AES = f'<ewp-rsa-aes128gcm xmlns="{SPECS}sec-reqencr-rsa-aes128gcm/tree/stable-v1"/>'


def security(client=HTTPSIG, server=SERVER_TLSCERT + SERVER_HTTPSIG, more=""):
    """An `http-security`; None leaves a list out."""
    lists = [("client-auth-methods", client), ("server-auth-methods", server)]
    inner = "".join(
        f'<{name} xmlns="{SPECS}sec-intro/tree/stable-v2">{methods}</{name}>'
        for name, methods in lists
        if methods is not None
    )
    return f"<http-security>{inner}{more}</http-security>"


def encryption(side, methods):
    """One more list for `security`; the side is `request` or `response`."""
    name = f"{side}-encryption-methods"
    return f'<{name} xmlns="{SPECS}sec-intro/tree/stable-v2">{methods}</{name}>'


def entry(
    element,
    version="1.0.0",
    *,
    major=None,
    tail=None,
    inner="<url>https://sis.example/api</url>",
    secured=None,
    namespace=None,
):
    """One API entry, with the usual security unless told otherwise."""
    major = version.partition(".")[0] if major is None else major
    if namespace is None:
        namespace = f"{SPECS}api-{tail or element}/blob/stable-v{major}/manifest-entry.xsd"
    secured = security() if secured is None else secured
    return f'<{element} xmlns="{namespace}" version="{version}">{secured}{inner}</{element}>'


def a_host(entries="", heis=(), client_keys=(), server_keys=(), before="", more_credentials=""):
    """One host of the catalogue."""
    covered = "".join(f"<hei-id>{each}</hei-id>" for each in heis)
    client = "".join(f'<rsa-public-key sha-256="{each}"/>' for each in client_keys)
    server = "".join(f'<rsa-public-key sha-256="{each}"/>' for each in server_keys)
    return (
        f"<host>{before}<apis-implemented>{entries}</apis-implemented>"
        f"<institutions-covered>{covered}</institutions-covered>"
        f"<client-credentials-in-use>{more_credentials}{client}</client-credentials-in-use>"
        f"<server-credentials-in-use>{server}</server-credentials-in-use></host>"
    )


def a_catalogue(*hosts, heis="", keys=None, more=""):
    """A whole document; `keys` are bodies by fingerprint."""
    bodies = "".join(
        f'<rsa-public-key sha-256="{key_id}">{body}</rsa-public-key>'
        for key_id, body in (keys or {}).items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<catalogue xmlns="{SPECS}api-registry/tree/stable-v1"'
        f' xmlns:ewp="{SPECS}architecture/blob/stable-v1/common-types.xsd">'
        f"{''.join(hosts)}<institutions>{heis}</institutions>"
        f"<binaries>{bodies}</binaries>{more}</catalogue>"
    ).encode()
