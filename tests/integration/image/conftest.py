from pathlib import Path

import pytest

from tests.integration.image.tree import Builder, possible

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The image of the Containerfile, as a root tree."""
    if not possible():
        pytest.skip("root trees need root and mount namespaces")
    work = tmp_path_factory.mktemp("image")
    # pytest's folders are closed to others; who runs in the tree is another user.
    for folder in (work, *work.parents[:2]):
        folder.chmod(0o711)
    return Builder(ROOT / "Containerfile", work).stage("octavo")
