"""What Octavo's services share: domain, messaging, storage, providers. It knows nothing of the services."""
