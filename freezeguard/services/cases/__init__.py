"""Cases: what a decision brings about, their clocks and owners, and what people see of them."""
