"""The base of every error a person can understand and mend."""


class AldabaError(Exception):
    """Something the operator can understand and act upon.

    Every subclass says in its message what happened, where, and what to do
    next. Anything else that escapes is a bug and keeps its traceback.
    """

    code = "error"
