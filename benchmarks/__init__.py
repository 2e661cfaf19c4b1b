"""Speed and memory, each beside a baseline in the same run; no tests."""
