"""`cancel-engine completion SHELL`: the script by which a shell asks this program what may come next."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from engine.cli.output import CLEAN

NAME = "cancel-engine"
VARIABLE = "_CANCEL_ENGINE_COMPLETE"
"""Set by the script where it calls this program for an answer; click derives the name from that of the program."""

INSTALL = {
    "bash": '# Put this into ~/.bashrc:\n#   eval "$(cancel-engine completion bash)"',
    "zsh": '# Put this into ~/.zshrc, after the line that calls compinit:\n#   eval "$(cancel-engine completion zsh)"',
    "fish": "# Run this once:\n#   cancel-engine completion fish > ~/.config/fish/completions/cancel-engine.fish",
}
"""What to do with each script; a comment in every one of these shells."""


@click.command("completion", short_help="Print the script by which a shell completes commands.")
@click.argument("shell", type=click.Choice(list(INSTALL)))
def completion(*, shell: str) -> int:
    """Print the script by which a shell completes verbs, options and file names, and say how to install it.

    \b
    Examples:
      eval "$(cancel-engine completion bash)"
      cancel-engine completion zsh >> ~/.zshrc
      cancel-engine completion fish > ~/.config/fish/completions/cancel-engine.fish
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}", click.get_current_context())
    script = kind(click.get_current_context().find_root().command, {}, NAME, VARIABLE)
    # Not `source()`, which starts the shell to ask for its version.
    click.echo(f"{INSTALL[shell]}\n{script.source_template % script.source_vars()}")
    return CLEAN
