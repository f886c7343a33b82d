"""The routes: each asks the job service and says what came of it."""
