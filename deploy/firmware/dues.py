"""When the next thing is due, of several that may never be."""


def earliest(dues: list) -> "int | None":
    """Return the least; None where none is due at all."""
    known = [due for due in dues if due is not None]
    return min(known) if known else None
