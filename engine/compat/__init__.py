"""The calls of the venues' own synchronous clients, with this engine behind them; `docs/compat.md` says what differs and why."""
