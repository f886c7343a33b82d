"""
Stream records into Amazon DynamoDB, and account for every one.

``python -m pipeline run configs/users.yaml`` is the front door. The package's layers, from the
bottom up: `errors`, `model`, `core`, then `sources`, `transform`, `table`, `state` and `observe`
side by side, `stages` over them, `run` which composes all, and `cli`.
"""

__version__ = "0.1.0"
