"""What people see: logs, metrics, progress, report."""
