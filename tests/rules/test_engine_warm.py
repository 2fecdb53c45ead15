"""After the warm-up nothing of the kernel is compiled or loaded while buyers wait."""

import json
import subprocess
import sys

import pytest

from tidegate.domain.jit import UNCOMPILED

PROGRAM = """
import json, sys
from numba.core.dispatcher import Dispatcher
from tidegate.engine.warm import warm
from tidegate.desk import flight
from tidegate.testing.story import told

def compiled():
    kernels = {
        f"{name}.{key}": value
        for name, module in list(sys.modules.items()) if name.startswith("tidegate.")
        for key, value in vars(module).items() if isinstance(value, Dispatcher)
    }
    return {name: len(value.overloads) for name, value in kernels.items() if value.overloads}

warm()
before = compiled()
scene = told(5, 300).scene
assert scene.sound()
print(json.dumps([before, compiled()]))
"""


@pytest.mark.skipif(UNCOMPILED, reason="uncompiled: there is nothing to warm up")
def test_a_story_after_the_warm_up_compiles_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert len(before) > 8
    assert after == before
