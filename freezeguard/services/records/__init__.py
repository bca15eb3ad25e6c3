"""What is kept, searched, erased, and proven: audit chain, data subjects, retention."""
