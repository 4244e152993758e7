"""Why a row is what it is: a speech's pages, what became of each block, by which rule, and where each fact comes from."""
