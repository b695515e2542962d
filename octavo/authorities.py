"""Certificate authorities of others, looked at when a process starts: what nobody can be verified with is reported then."""

from datetime import UTC, datetime


def check_authorities(file: str) -> None:
    """Looks into a file of certificates, PEM. Raises ValueError if it can't be read, has none, or all have expired."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(f"{file} has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}") from None
    ends = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in context.get_ca_certs()]
    if ends and max(ends) <= datetime.now(UTC).timestamp():
        raise ValueError(f"{file}: all its certificates have expired")
