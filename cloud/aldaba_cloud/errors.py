"""The kinds of refusal a domain may raise; `app` alone knows which status each becomes."""

from aldaba_shared.errors import AldabaError


class Missing(AldabaError):
    """Nothing by that name within what the caller may see; another site's things are missing too."""

    code = "not_found"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} {name!r} here. Check the id, or ask who looks after that site.")
        self.kind = kind


class Taken(AldabaError):
    """What was asked for collides with something that is already so."""

    code = "taken"


class Outdated(AldabaError):
    """A change was meant for an edition that has been replaced since."""

    code = "outdated"

    def __init__(self) -> None:
        super().__init__(
            "Somebody changed this since you read it. Read it again, and send your change with its new ETag."
        )


class Unusable(AldabaError):
    """What was sent is well formed but makes no sense; the message says what would."""

    code = "unusable"


class Forbidden(AldabaError):
    """The caller is known and may not do this."""

    code = "forbidden"

    def __init__(self, needed: str) -> None:
        super().__init__(f"This needs the role {needed!r}. Ask an admin of the site to give it to you.")


class NotSignedIn(AldabaError):
    """Nobody is signed in, or the session has ended."""

    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__("Nobody is signed in, or the session has ended. Sign in and try again.")


class SignatureWrong(AldabaError):
    """A message that should prove whom it is from does not."""

    code = "signature_wrong"

    def __init__(self, whose: str) -> None:
        super().__init__(f"This is not signed by {whose}, or too old. Check the secret of the webhook on both sides.")


class TokenInvalid(SignatureWrong):
    """The same, for who wants to hear 498."""

    code = "token_invalid"


class ForgedRequest(AldabaError):
    """A changing request did not come from a page of ours."""

    code = "forged_request"

    def __init__(self) -> None:
        super().__init__("This request did not come from one of our pages. Reload the page and try again.")


class SignInRefused(AldabaError):
    """Address and password do not fit; the answer never says which of the two."""

    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__("Address and password do not fit together. Check both, or ask an admin for a new password.")


class Throttled(AldabaError):
    """Too many tries in a row."""

    code = "throttled"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries. Wait {seconds} seconds and try again.")
        self.seconds = seconds
