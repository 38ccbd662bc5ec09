"""Where a person's passphrase comes from: a question, a file, or the environment.

    (nothing)                     asked for, without showing it
    --passphrase @FILE            the first line of FILE; /dev/fd/N is a descriptor that is open
    --passphrase @-               the first line of standard input
    MODELWARD_PASSPHRASE          in the environment
    --passphrase WORDS            as it stands: works, and every user of the machine can see it

What stands in a command line is in the list of processes while the command runs, and often in
the history of a shell for good, so that way is warned about.
"""

import sys
from getpass import GetPassWarning
from os import environ
from pathlib import Path
from typing import Annotated
from warnings import catch_warnings, simplefilter

import typer

VARIABLE = "MODELWARD_PASSPHRASE"

HELP = (
    f"Asked for if absent; @FILE reads the first line of a file, @- of stdin; or {VARIABLE}."
    " Other users of this machine can see what stands here as it is."
)

SEEN = (
    "warning: a passphrase on the command line can be seen by every user of this machine, and"
    " stays in the history of the shell: be asked for it, or give --passphrase @FILE"
)


def given(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Return the passphrase that a value stands for; ask if there is none.

    Raises:
        BadParameter: If the file cannot be read, its first line is empty, or nobody answers.
    """
    return _found(context, parameter, value, twice=False)


def made(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Return the same of a key that is made now: a question is asked twice."""
    return _found(context, parameter, value, twice=True)


def _found(
    context: typer.Context, parameter: typer.CallbackParam, value: str, *, twice: bool
) -> str:
    name = parameter.name or "passphrase"
    source = context.get_parameter_source(name)
    if source is None or source.name != "COMMANDLINE":
        return value or _asked(name.replace("_", " ").capitalize(), twice=twice)
    return _meant(value)


def wanted(value: str, label: str) -> str:
    """Return the passphrase of a key that not every call of a command needs.

    Args:
        value: As it stands behind the option; asked for, or from the environment, if absent.
        label: What is asked for.

    Raises:
        BadParameter: As `given`.
    """
    return _meant(value) if value else environ.get(VARIABLE) or _asked(label, twice=False)


def _meant(value: str) -> str:
    """Return what stands behind the option, or in the file that it names."""
    if not value.startswith("@"):
        typer.echo(SEEN, err=True)
        return value
    try:
        found = _first_line(value[1:])
        _warn_of_readers(value[1:])
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{value[1:]} cannot be read: {_why(error)}") from error
    if not found:
        raise typer.BadParameter(f"the first line of {value[1:]} is empty")
    return found


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no text"


def _warn_of_readers(source: str) -> None:
    """Say if the file is one that others on this machine can read."""
    path = Path(source)
    if source != "-" and path.is_file() and path.stat().st_mode & 0o077:
        typer.echo(f"warning: others can read {source}: chmod 600 {source}", err=True)


def _first_line(source: str) -> str:
    """Return a line without its end; the rest of a stream is left for others."""
    if source == "-":
        return sys.stdin.readline().rstrip("\r\n")
    with Path(source).open("rb") as stream:
        return stream.readline().decode().rstrip("\r\n")


def _asked(label: str, *, twice: bool) -> str:
    """Return what a person types, unseen.

    Raises:
        BadParameter: If there is nobody to ask.
    """
    try:
        with catch_warnings():
            simplefilter("ignore", GetPassWarning)  # it is said in words as well
            return str(typer.prompt(label, hide_input=True, confirmation_prompt=twice))
    except typer.Abort as none:
        raise typer.BadParameter(
            "there is nobody to ask here (standard input has ended): give --passphrase @FILE,"
            f" or set {VARIABLE}"
        ) from none


Passphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, show_default=False, envvar=VARIABLE, callback=given, help=HELP
    ),
]

NewPassphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, show_default=False, envvar=VARIABLE, callback=made, help=HELP
    ),
]
"""Asked for twice, when a key is made."""
