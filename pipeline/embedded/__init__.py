"""A small DynamoDB of our own, for first steps, rehearsals and tests."""

from pipeline.embedded.server import Endpoint, serve
from pipeline.embedded.settings import EngineSettings
from pipeline.embedded.storage.lock import EngineBusyError

__all__ = ["Endpoint", "EngineBusyError", "EngineSettings", "serve"]
