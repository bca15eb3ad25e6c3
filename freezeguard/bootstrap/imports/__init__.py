"""Files of signals, units and SKUs: read, mapped to the contract, and taken in as HTTP does."""
