"""The command line before a command: what it says, and what it costs."""

from __future__ import annotations

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
