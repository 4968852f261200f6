"""The command line before a command: what it says, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], [], ["unknown"]])
def test_no_command_is_imported_before_one_is_given(script, arguments):
    """A shell asks for the version at every prompt, and for help more often than for a run."""
    done = script(
        f"""
        import sys
        from enterspan.cli import main, _COMMANDS

        try:
            main({arguments})
        except SystemExit:
            pass
        print([module for module, _ in _COMMANDS.values() if module in sys.modules])
        """
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("command", ["run", "view", "diff", "catalogue", "stubs"])
def test_one_command_says_what_the_list_of_all_says_of_it(command, capsys):
    from enterspan.cli import main

    with pytest.raises(SystemExit):
        main(["--help"])
    every = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert command in every
    assert f"usage: enterspan {command}" in capsys.readouterr().out


def test_a_folder_that_is_gone_and_a_safe_path_are_no_problem(tmp_path):
    gone, own = tmp_path / "gone", tmp_path / "own"
    gone.mkdir()
    own.mkdir()
    (own / "mine.py").write_text("")
    code = "import os, runpy, sys; os.rmdir(os.getcwd()); sys.argv = ['enterspan', '--version'];"
    code += " runpy.run_module('enterspan', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=gone, capture_output=True, check=False)
    assert done.stdout.startswith(b"enterspan ")
    (tmp_path / "program.py").write_text("import mine; print('ok')")
    command = [sys.executable, "-m", "enterspan", "run", "--quiet", "../program.py"]
    settings = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(own)}
    done = subprocess.run(command, cwd=own, env=settings, capture_output=True, check=False)
    assert done.stdout.strip() == b"ok", done.stderr
