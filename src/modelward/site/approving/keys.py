"""A site's signing key; made and read by joining/keys.py, where the hub's is too."""

from modelward.joining.keys import signing_key

__all__ = ["signing_key"]
