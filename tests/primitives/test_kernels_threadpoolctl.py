"""threadpoolctl sees and limits the pool, in either order of imports; without it nothing is imported."""

import subprocess
import sys

import pytest

CHECK = """
wg.set_num_threads(3)
mine = [i for i in threadpoolctl.threadpool_info() if i["internal_api"] == "wengert"]
assert len(mine) == 1 and mine[0]["num_threads"] == 3 and mine[0]["version"] == wg.__version__, mine
with threadpoolctl.threadpool_limits(1):
    assert _core.num_threads() == 1
assert _core.num_threads() == 3
with threadpoolctl.threadpool_limits(1, user_api="blas"):
    assert _core.num_threads() == 3
with threadpoolctl.threadpool_limits({"wengert": 2}):
    assert _core.num_threads() == 2
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "order", ["threadpoolctl, wengert as wg", "wengert as wg, threadpoolctl; wg.threadpool.register(threadpoolctl)"]
)
def test_the_pool_is_seen_and_limited(order: str) -> None:
    pytest.importorskip("threadpoolctl")
    run(f"import {order}\nfrom wengert import _core\n{CHECK}")


def test_it_is_not_imported_for_us_and_may_be_missing() -> None:
    run("import sys, wengert\nassert 'threadpoolctl' not in sys.modules")
    missing = "import sys\nsys.path = [p for p in sys.path if 'site-packages' not in p]\n"
    tried = "try:\n    import threadpoolctl\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit(1)"
    run(f"import wengert\n{missing}{tried}")
