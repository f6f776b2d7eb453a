"""From a bench to a portfolio: what declares one, what a run teaches, the answer."""
