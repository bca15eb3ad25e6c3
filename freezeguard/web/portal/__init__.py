"""Pages of vendors: a case from the mail to the remedy, and the log of their webhooks."""
