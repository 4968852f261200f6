"""What the tests' children do on a signal does not depend on who started the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD")
IGNORING = f"""
import signal, sys
for name in {SIGNALS}:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
LOOKING = f"""
import signal
print([name for name in {SIGNALS}
       if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN],
      *signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the signals are those of POSIX")


def test_a_child_ignores_no_signal(script):
    assert script(LOOKING).stdout == "[]\n"


def test_this_process_can_be_interrupted():
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_nor_does_it_where_the_tests_were_started_with_signals_ignored():
    """As cron, `nohup` and a shell's `&` do: the two tests above pass there as well."""
    these = f"{__file__}::test_a_child_ignores_no_signal", f"{__file__}::{INTERRUPTED}"
    done = subprocess.run(
        [sys.executable, "-c", IGNORING, *these],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "2 passed" in done.stdout
    assert done.returncode == 0


INTERRUPTED = test_this_process_can_be_interrupted.__name__
