"""salesloop: the notebook kit that closes the loop of sales management."""


def __getattr__(name: str):
    """Load what an analyst asks for only when it is asked for, so that commands start quickly."""
    homes = {
        "open_book": "book",
        "history": "published",
        "Book": "book",
        "open_stage": "results",
        "scenario": "metrics.whatif",
    }
    if name not in homes:
        raise AttributeError(f"module 'salesloop' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"salesloop.{homes[name]}"), name)
