"""What a run's folder tells: samples, report, errors and log, in pages, never as a whole."""
