"""What a person is told where a command fails: one line, a hint, and the exit code."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from stedi_cli.cli import render
from stedi_cli.cli.help import Group
from stedi_cli.cli.interrupts import told
from stedi_cli.cli.plain_values import take_plainly
from stedi_cli.cli.session import Options
from stedi_cli.errors import ExitCode, StediError
from stedi_cli.landing.names import shown
from stedi_cli.printable import one_line


class StediGroup(Group):
    """Shows every error as one line with a hint, and exits with its code."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Read the options that stand before the command."""
        take_plainly(self)
        with _errors_shown(None):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _errors_shown(ctx):
            return super().invoke(ctx)


@contextmanager
def _errors_shown(ctx: Any) -> Iterator[None]:
    try:
        yield
    except StediError as error:
        _show(ctx, error.message, error.hint)
        raise typer.Exit(error.exit_code) from error
    except typer.TyperException as error:
        _show_usage(ctx, error)
        raise typer.Exit(error.exit_code) from error
    except BrokenPipeError as error:
        raise typer.Exit(ExitCode.FAILED) from error
    except OSError as error:
        _show(ctx, *_of_system(error))
        raise typer.Exit(ExitCode.FAILED) from error
    except KeyboardInterrupt as error:
        _show(ctx, told(error), None)
        raise typer.Exit(ExitCode.INTERRUPTED) from error


def _of_system(error: OSError) -> tuple[str, str]:
    """Return what the operating system says, and a hint."""
    from stedi_cli.masking import masked

    # It may be a text of a library, which raises errors of the system too.
    said = f"{masked(error.strerror or str(error))}."
    if error.filename:
        place = shown(str(error.filename))
        return f"{place}: {said}", "Look at the path, its space and permissions."
    # Without a file's name it is about what needs none.
    if isinstance(error, FileNotFoundError):
        return "The current folder is no longer there.", "Go to another folder."
    return said, "Look at free space where the output goes, and where the lakehouse lies."


def _show_usage(ctx: Any, error: typer.TyperException) -> None:
    """Show what Typer says of options and arguments."""
    at: Any = getattr(error, "ctx", None) or ctx
    message = error.format_message()
    if at is None:
        _show(ctx, message, "`stedi --help` shows what it takes.")
        return
    if message == at.get_help():
        # A group was named without a command.
        render.whole(message)
        return
    root = at.find_root()
    words = at.command_path.split()[len(root.command_path.split()) :]
    hint = f"`{' '.join(['stedi', *words, '--help'])}` shows what it takes."
    name = getattr(error, "option_name", None)
    shared = next((option for option in root.command.params if name in option.opts), None)
    if words and shared is not None:
        message = f"{name} stands before the command, not after it."
        value = "" if shared.is_flag else " …"
        hint = f"Write `{' '.join(['stedi', f'{name}{value}', *words])}`."
    elif not words and hasattr(error, "possibilities"):
        hint = "`stedi --help` shows what stands before the command; the rest stands after it."
    elif not words and name is not None:
        # Its value is missing, or is one too many; Typer does not say of which command it is.
        hint = f"`--help` in the place of {name} shows what it takes."
    _show(ctx, message if message.endswith((".", "?")) else f"{message}.", hint)


def _show(ctx: Any, message: str, hint: str | None) -> None:
    if ctx is not None and isinstance(ctx.obj, Options) and ctx.obj.verbose:
        from stedi_cli.masking import masked

        render.whole(masked(traceback.format_exc()))
    lines = [f"Error: {message}", *([f"Hint: {hint}"] if hint else [])]
    render.whole("\n".join(one_line(line) for line in lines))
