"""Pages of the reference about our command-line programs, read from click's own tree."""

from collections.abc import Iterator
from inspect import cleandoc
from textwrap import dedent

import click

from tools.markdown import page, table


def _examples_kept(text: str) -> str:
    """Help as Markdown: paragraphs that click is told not to wrap become code, without their heading."""
    return "\n\n".join(
        _code(part.removeprefix("\b").strip("\n")) if part.startswith("\b") else part
        for part in cleandoc(text).split("\n\n")
    )


def _code(lines: str) -> str:
    return f"```console\n{dedent(lines.removeprefix('Examples:').strip(chr(10))).strip()}\n```"


def _arguments(command: click.Command, context: click.Context) -> Iterator[list[str]]:
    for parameter in command.params:
        shown = parameter.get_help_record(context)
        if isinstance(parameter, click.Argument):
            yield [f"`{parameter.make_metavar(context)}`", ""]
        elif shown is not None:
            yield [f"`{shown[0]}`", " ".join(shown[1].split())]


def commands(
    name: str, command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """Every command that can be run, by its full name, in the order its group shows them."""
    context = click.Context(command, info_name=name, parent=parent)
    if not isinstance(command, click.Group):
        yield context.command_path, context
        return
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        if found is not None and not found.hidden:
            yield from commands(inner, found, context)


def _section(path: str, context: click.Context) -> str:
    command = context.command
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    rows = list(_arguments(command, context))
    parts = [f"## `{path}`", f"```console\n$ {usage}\n```", _examples_kept(command.help or "")]
    if command.epilog:
        parts.append(_examples_kept(command.epilog))
    return "\n\n".join([*parts, table(["argument or option", "meaning"], rows)] if rows else parts) + "\n"


def program(name: str, command: click.Command) -> str:
    """The page of one program: what it is, then every command with its arguments and options."""
    rows = list(_arguments(command, click.Context(command)))
    everywhere = [table(["option", "meaning, before any command"], rows)] if rows else []
    sections = [_section(path, context) for path, context in commands(name, command)]
    return page(f"`{name}`", _examples_kept(command.help or "") + "\n", *everywhere, *sections)
