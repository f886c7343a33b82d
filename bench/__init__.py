"""Measurements that are no tests: memory, speed, and the reliability scoreboard."""
