"""Frame rates, captions, scenes and paraphrases: functions of numbers, strings and arrays."""
