"""The HTTP side of the job service, without a socket: applications are called, bytes are fed."""
