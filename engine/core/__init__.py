"""What must never be wrong: values in, values out. Nothing in here waits, looks at a clock, rolls dice or reaches a network."""
