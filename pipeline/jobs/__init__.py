"""The job service without HTTP: a folder's pipelines as jobs that queue, run, stop and resume."""
