"""What stands below a class's members in its source: the strings that explain settings and states."""

import ast
import inspect
import textwrap
from collections.abc import Iterator


def _string(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


def notes(described: type) -> Iterator[tuple[str, str]]:
    """Each member of a class with the string below it, or nothing where there is none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(described))).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for node, following in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(targets[0], ast.Name):
            yield targets[0].id, _string(following)
