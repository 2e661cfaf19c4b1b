"""Speed and memory, each compared with a baseline in the same run; no tests."""
