"""From what arrives to what is crossed: signals, units, rules, evaluation."""
