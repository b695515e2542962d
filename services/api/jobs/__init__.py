"""CSV jobs: files uploaded, checked whole, started, followed, ended, reported."""
