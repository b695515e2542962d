"""The least that could do the same: a bare gRPC echo, a bare insert, a bare HTTP client and server."""
