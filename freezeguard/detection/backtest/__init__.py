"""What rules would have done: replay, results, tuning, and the figures of a report."""
