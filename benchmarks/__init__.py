"""How fast the engine is, against what people use and against what is possible. Ratios within one run; `python -m benchmarks`."""
