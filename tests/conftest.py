"""Nothing that a test asks is kept among the user's own questions."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _data_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield
