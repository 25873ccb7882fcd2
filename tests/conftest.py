"""Fixtures that several files use."""

import pytest
from wengert import _core


@pytest.fixture(params=_core.supported_isas().split(","))
def target(request):
    """Every instruction set of this machine, chosen for the time of a test; its name."""
    before = _core.active_isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)
